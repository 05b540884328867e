# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Reads tests/hostvm/cases, sourced; the head of that file says what a stanza is.
# $TOP is the checkout.

# case_list: "NAME SUITE..." a line, in the file's order
case_list() {
    awk '/^\[/ { name = substr($0, 2, length($0) - 2); names[++n] = name; in_of[name] = "hostvm oldest" }
        /^in =/ { sub(/^in = */, ""); in_of[name] = $0 }
        END { for (i = 1; i <= n; i++) print names[i], in_of[names[i]] }' \
        "$TOP/tests/hostvm/cases"
}

# case_get NAME KEY: its values, one a line
case_get() {
    case_lines "$1" | sed -n "s/^$2 = *//p"
}

# The stanza: "KEY = VALUE" lines, those that end in \ joined
case_lines() {
    awk -v want="[$1]" '/^\[/ { on = $0 == want }
        on && /=|^    / {
            if (sub(/ *\\$/, "")) { printf "%s", line_of($0); next }
            print line_of($0)
        }
        function line_of(s) { sub(/^    +/, " ", s); return s }' "$TOP/tests/hostvm/cases"
}

# $NAME in a value, and ${NAME-what it is by default}
case_expand() {
    local value=$1 name
    while [[ $value =~ \$\{([A-Z_]+)-([^}]*)\} ]]; do
        name=${BASH_REMATCH[1]}
        value=${value/"${BASH_REMATCH[0]}"/"${!name-${BASH_REMATCH[2]}}"}
    done
    while [[ $value =~ \$([A-Z_]+) ]]; do
        name=${BASH_REMATCH[1]}
        value=${value/"\$$name"/"${!name-}"}
    done
    printf '%s' "$value"
}

# Where a qtest program is, below $QEMU_BUILD: QEMU's own, or one of ours.
qtest_path() {  # NAME
    local dir
    for dir in vtd vtd/walk vtd/nested; do
        if [ -x "$QEMU_BUILD/tests/qtest/$dir/$1" ]; then
            echo "tests/qtest/$dir/$1"
            return
        fi
    done
    echo "tests/qtest/$1"
}

# case_load NAME: sets $case_options and $case_command, arrays; false if there is
# no such case.
case_load() {
    local key value words env=() found=
    case_options=()
    case_command=()
    case_lsan=
    while IFS= read -r value; do
        key=${value%% =*}
        value=${value#*=}
        value=${value# }
        found=1
        case $key in
        shell) case_command=(/bin/sh -c "$value"); continue ;;
        esac
        value=$(case_expand "$value")
        read -ra words <<<"$value"
        case $key in
        in) ;;
        qtest)
            case_command=(edu-qtest "${words[@]}")
            case_options+=(--qemu --file "$TOP/tests/hostvm/edu-qtest=/bin/edu-qtest"
                --add "$QEMU_BUILD/$(qtest_path "${words[0]}")")
            ;;
        script)
            case_command=("${words[@]}")
            case_options+=(--file "$TOP/tests/hostvm/${words[0]}=/bin/${words[0]}")
            ;;
        run) case_command=("${words[@]}") ;;
        env)
            # The last one would win, without a word.
            if [[ " ${env[*]%%=*} " = *" ${value%%=*} "* ]]; then
                echo "error: tests/hostvm/cases: [$1] sets ${value%%=*} twice" >&2
                return 1
            fi
            env+=("$value")
            ;;
        qemu) case_options+=(--qemu) ;;
        lsan) case_lsan=1 ;;
        smp|mem|cpu|kernel|iommu|device|disk|drive|netdev|append|file|add|timeout|silence)
            case_options+=("--$key" "$value")
            ;;
        *)
            echo "error: tests/hostvm/cases: [$1] has the key '$key', which there is not" >&2
            return 1
            ;;
        esac
    done < <(case_lines "$1")
    [ ${#env[@]} = 0 ] || case_command=(/bin/env "${env[@]}" "${case_command[@]}")
    [ -n "$found" ]
}
