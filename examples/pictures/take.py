"""Runs a program on a hidden terminal and writes what it shows as an SVG picture.

    python take.py OUT.svg TITLE [--when TEXT] -- COMMAND...

The picture is of the end, or of the first moment at which a line has TEXT, a regular expression.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

import pyte
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS, SECONDS = 116, 40, 120

# As that of rich, with the fonts that are there instead of ones that the viewer would have to get.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace;
 font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def screen_of(command, when):
    """What stands on the terminal, at the end or when a line has that text."""
    child, terminal = pty.fork()
    if child == 0:
        # Before the program can ask.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    end = time.monotonic() + SECONDS
    taken = False
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            read = os.read(terminal, 65536)
        except OSError:
            read = b""
        if not read:
            taken = taken or when is None
            break
        # After the moment it is only read to its end.
        if not taken:
            stream.feed(read)
            taken = when is not None and any(re.search(when, line) for line in screen.display)
    else:
        os.kill(child, 9)
        sys.exit(f"failed: {command[0]} does not end")
    _, status = os.waitpid(child, 0)
    if status or not taken:
        sys.exit(f"failed: {command[0]} ended with {status}, the moment seen: {taken}")
    return screen


def text_of(screen):
    """The lines of a screen with their colours, without the empty ones below."""
    lines = []
    for row in range(screen.lines):
        line = Text()
        for column in range(screen.columns):
            char = screen.buffer[row][column]
            style = " ".join(["bold"] * char.bold + [char.fg.replace("brown", "yellow")] * (char.fg != "default"))
            line.append(char.data, style=style)
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return Text("\n").join(lines)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("out")
    arguments.add_argument("title")
    arguments.add_argument("--when")
    mark = sys.argv.index("--")
    asked = arguments.parse_args(sys.argv[1:mark])
    text = text_of(screen_of(sys.argv[mark + 1 :], asked.when))
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), color_system="truecolor", force_terminal=True)
    console.print(text, no_wrap=True)
    console.save_svg(asked.out, title=asked.title, code_format=FORMAT, unique_id="terminal")


main()
