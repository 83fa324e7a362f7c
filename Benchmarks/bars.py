# SPDX-License-Identifier: Apache-2.0
"""What each figure is held against: (floor, best other tool, goal, beyond) by the title of its row.

The floor is the least that a prototype in C or Python needed for the same work on two shared cores; no design gets under
it. Other tools were measured there too, with the same kind of client, unless it says that they claim it.
"""

import re

BARS = [
    (r"binary, stripped", ("36", "claimed: floci 40, fakecloud 19", "60", "40")),
    (r"exec to first answered request", ("11", "430 (MiniStack), 1,360 (LocalStack); claimed: floci 24", "100", "25")),
    (r"idle server, resident", ("21", "37 (MiniStack), 123 (LocalStack); claimed: floci 13, fakecloud 10", "60", "30")),
    (r"idle server, private", ("2", "", "20", "10")),
    (r"cold start p50, (static|shell)", ("0.7", "", "5", "2")),
    (r"cold start p50, Python$", ("1.4–1.8 prepared, 24–38 plain", "206–344 (MiniStack)", "5 prepared, 60 plain", "2.5, 40")),
    (r"cold start p50, official", ("1.4–1.8 prepared, 24–38 plain", "206–344 (MiniStack)", "5 prepared, 60 plain", "2.5, 40")),
    (r"cold start p50, Node", ("1.4–1.8 prepared, 24–38 plain", "84–229 (MiniStack)", "5 prepared, 60 plain", "2.5, 40")),
    (r"cold start p50, Java", ("6.7", "", "20", "10")),
    (r"cold start p50, Python with a boto3 client, SnapStart", ("3.6–5.9 from a template", "none has it", "15", "6")),
    (r"cold start p50, Python with", ("3.6–5.9 from a template, 199 plain", "199 and more", "15", "6")),
    (r"50 cold starts at once", ("", "8,000–32,000 for 6 (floci, its users)", "250", "120")),
    (r"warm invoke p50, (Python$|official|static)", ("142", "7,200 (MiniStack)", "300", "180")),
    (r"warm invoke p99, (Python$|official|static)", ("", "12,000–15,000 (MiniStack)", "2,000", "1,000")),
    (r"server CPU per warm invoke, (Python$|official|static)", ("19–50", "", "120", "60")),
    (r"invocations per second, Python, 10 clients", ("7,260", "500–630 (MiniStack)", "3,000", "5,500")),
    (r"idle environment .*, Python$", ("4.3", "a container each", "8", "5")),
    (r"idle environment .*, Node", ("6.4", "a container each", "10", "7")),
]


def bar_of(title):
    for pattern, bar in BARS:
        if re.match(pattern, title):
            return bar
    return ("", "", "", "")
