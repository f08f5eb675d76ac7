#!/bin/bash
# The guide quotes the tree as it is.
. "${srcdir:-.}/tests/lib.sh"
ok "every quotation in the guide is the tree's own code" \
    "$srcdir/doc/quote" --check doc/guide.md
done_testing
