"""What agents, tools and people may write anywhere, and what must stay nothing but text."""

import json

PWN = "window.__pwned=1"
# It ends the element that keeps it apart, as the Unicode algorithm has it, and turns what comes after.
TURNING = "\u2069\u202eTurned"
STRINGS = [
    f"<script>{PWN}</script>",
    f"</script><script>{PWN}</script>",
    f"</textarea></title></option></select></style><img src=x onerror={PWN}>",
    f"\"><svg onload={PWN}><x y='",
    f"' autofocus onfocus='{PWN}' x='",
    f'" onmouseover="{PWN}" style="position:fixed;inset:0',
    f"javascript:{PWN}//",
    f"JaVaScRiPt&#58;{PWN}",
    f"data:text/html,<script>{PWN}</script>",
    f"[click](javascript:{PWN}) [x](data:text/html;base64,PHNjcmlwdD4=) <javascript:{PWN}>",
    "![pixel](https://evil.example/pixel.png) <img src=https://evil.example/p.png>",
    f"<svg><use href='#x'/><animate onbegin={PWN} attributeName=x></svg>",
    "<iframe src=//evil.example></iframe><base href=//evil.example><meta http-equiv=refresh content=0;//evil.example>",
    "<!-- <main> ]]> --!> <![CDATA[",
    "&lt;b&gt; &amp;amp; &#x3c;script&#x3e; &nbsp;",
    "{{7*7}} {% raw %} ${7*7} #{7*7} <%= 7*7 %> %(name)s {name} %s",
    '=HYPERLINK("https://evil.example","x")',
    "+1+1|cmd' /C calc'!A0 @SUM(1) -1",
    "\u202egnp.exe\u202c \u2066\u2067abc\u2069 \u200f",
    TURNING,
    "Z" + "".join(chr(0x300 + number) for number in range(60)) + "algo",
    "\u2400 \ufffd \u200b\ufeff \u2028\u2029 \x85 \ufff9",
    "👩‍👩‍👧‍👦🏴‍☠️ ＜script＞ ﷽",
    "W" * 300,
    "../../../etc/passwd %2e%2e%2f%00 \\\\evil\\share C:\\",
    "' OR 1=1; DROP TABLE run; --",
    "# Heading\n\n| a | b |\n|---|---|\n| <b>x</b> | `</code>` |\n\n---\n```html\n</code></pre><script>\n```",
    json.dumps({"__proto__": {"x": 1}, "</script>": "<b>"}),
]
# All of them in one text.
ALL = "\n".join(STRINGS)
