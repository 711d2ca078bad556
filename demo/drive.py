"""Use the demo's service: ask it what three hand-written digits are, and end with 1 if it gets one wrong.

Runs on the machine that profiles or proves, beside the service and in its network; standard library only.
"""

import json
import sys
from urllib.request import ProxyHandler, Request, build_opener

# Lines of 8 by 8 pictures, 0 to 16 in hexadecimal and g, from the test set of Optical Recognition of Handwritten Digits
# (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0).
DIGITS = {
    0: "005d9100 00dfaf50 03f20b80 04c00880 05800980 04b01c70 02e5ac00 006da000",
    1: "000cd500 000bg900 003fg600 07fgg200 001gg300 001gg600 001gg600 000bga00",
    4: "0001b000 00078000 001d6220 007f0980 05ga0g60 04fgdg10 0003fa00 0002g400",
}


def ask(url: str, lines: str) -> int:
    """Return the digit that the service sees in a picture."""
    pixels = [int(c, 17) for c in lines.replace(" ", "")]
    body = json.dumps({"pixels": pixels}).encode()
    request = Request(f"{url}/predict", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
        return int(json.load(answer)["digit"])


def main() -> int:
    """Ask for every picture and compare."""
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    wrong = {digit: seen for digit, lines in DIGITS.items() if (seen := ask(url, lines)) != digit}
    for digit, seen in wrong.items():
        sys.stderr.write(f"the picture of {digit} was seen as {seen}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
