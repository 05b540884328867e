# SPDX-License-Identifier: GPL-2.0-or-later
"""Sphinx configuration; "make docs" builds the pages."""

project = 'Nested VT-d for QEMU'
extensions = ['sphinx.ext.graphviz']
root_doc = 'index'
language = 'en'
html_theme = 'alabaster'
html_theme_options = {'page_width': '1080px', 'sidebar_width': '230px'}
html_sidebars = {'**': ['about.html', 'navigation.html', 'searchbox.html']}
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
graphviz_output_format = 'svg'
highlight_language = 'none'
nitpicky = True

man_pages = [
    ('nested-vtd-check', 'nested-vtd-check',
     'tells whether a host can nest VT-d translation', [], 1),
    ('nested-vtd-graph', 'nested-vtd-graph',
     'draws what translates the DMA of a guest', [], 1),
    ('qemu-system-x86_64-nested', 'qemu-system-x86_64-nested',
     'QEMU with nested VT-d translation', [], 1),
]
