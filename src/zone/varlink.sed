# SPDX-License-Identifier: BSD-2-Clause
# Lines of text as a string of C.
s/\\/\\\\/g
s/"/\\"/g
s/.*/"&\\n"/
