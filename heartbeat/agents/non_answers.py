"""Answers that are none, though they have words: what a model will do next, and that it will do nothing.

Both are recognised narrowly: whole answers in the usual phrases, so that a report is not taken for one.
"""

import re

MAX_LENGTH = 800
SENTENCES = re.compile(r"(?<=[.!?:…。！：])\s+|\n+|(?<=[。！：])")
FILLER = re.compile(
    r"(?:sure(?: thing)?|certainly|of course|ok(?:ay)?|alright|all right|great|got it|understood|absolutely|no problem"
    r"|gerne|klar|natürlich|in ordnung|alles klar|d'accord|bien sûr|claro|por supuesto|entendido|好的|好)[\W_]*",
    re.I,
)
_TO = (
    r"(?:check|look|fetch|read|search|open|call|run|get|retrieve|query|review|analy[sz]e|examine|inspect|investigate"
    r"|gather|collect|pull|scan|see|find|list|load|verify|test|create|send|update|write|post|prepare|compile|process"
    r"|handle|proceed|download|install|continue with|go through|(?:take|have) a (?:\w+ )?look|start by|begin by"
    r"|use the)\b"
)
_DOING = (
    r"(?:now |currently )?(?:checking|fetching|looking|searching|reading|calling|running|loading|retrieving|querying"
    r"|opening|gathering)\b"
)
_OBJECT = r" (?:the|your|all|for|through|up|at|in|on|into|it|this|that|these|those|every|some)\b"
_THEN = r"(?:(?:now|next|first|then|so|and|great|okay|ok|sure|certainly|alright)[,:]?\s+)*"
_SOON = r"(?:(?:now|first|next|then|quickly|go ahead and|start by|begin by|just)\s+)*"
ANNOUNCES = re.compile(
    rf"{_THEN}(?:i(?:'|’)ll|i will|i(?:'|’)m (?:now )?going to|i am (?:now )?going to|i(?:'|’)m about to|let me"
    rf"|i need to|allow me to)\s+{_SOON}{_TO}"
    rf"|{_DOING}.*(?:\.\.\.|…|:)$|{_DOING}(?:{_OBJECT}.*)? now\W*$"
    r"|(?:zuerst |jetzt |nun |als nächstes |dann )*ich (?:werde|schaue|prüfe|rufe|lese|suche|hole"
    r"|öffne|überprüfe|lade)\b.*\b(?:jetzt|nun|zuerst|als nächstes|prüfen|überprüfen|nachsehen|lesen|suchen|holen"
    r"|öffnen|abrufen)\b"
    r"|(?:zuerst |jetzt |nun |als nächstes |dann )*ich (?:schaue|sehe|rufe)\b.*\b(?:nach|an|ab|auf)\W*$"
    r"|(?:zuerst |jetzt |nun )*(?:lass|lassen sie) mich\b"
    r"|je vais (?:maintenant |d'abord )?(?:vérifier|regarder|consulter|chercher|lire|récupérer|examiner|lancer)\b"
    r"|(?:laisse|laissez)-moi (?:vérifier|regarder|consulter|chercher|lire)\b"
    r"|(?:ahora )?voy a (?:revisar|verificar|consultar|buscar|leer|obtener|comprobar)\b"
    r"|(?:déjame|déjeme|permíteme|permítame) (?:revisar|verificar|consultar|buscar|leer|comprobar)\b"
    r"|(?:好的?[，,])?(?:首先|现在|接下来)?[，,]?(?:让我|我将|我会|我来|我先|我立即|正在)(?:先|来|立即|为您|现在)*(?:检查|查看|查询|看看|看一下|读取|搜索|获取|执行|打开|分析)",
    re.I,
)
# What is promised for another time, or on a condition, is no step of this run.
ANOTHER_TIME = re.compile(
    r"\b(?:again|tomorrow|tonight|later|next (?:time|run|check|week|month|hour)|when(?:ever)?|once|if|unless|until"
    r"|as soon as|after|every|each (?:day|hour|time)|keep|remain|let (?:you|me) know|notify|remind|follow up|be back"
    r"|in \d+|on (?:mon|tues|wednes|thurs|fri|satur|sun)day|morgen|später|wieder|sobald|wenn|falls|nächste[nrs]?"
    r"|demain|quand|si|mañana|cuando)\b|\?$|下次|明天|如果",
    re.I,
)
_SORRY = r"(?:i(?:'|’)?m (?:very |really )?sorry|sorry|i apologi[sz]e|unfortunately)[,.]?\s*(?:but\s+)?"
_CANNOT = r"i (?:can(?:'|’)t|cannot|can not|am unable to|(?:'|’)m unable to|won(?:'|’)t be able to)\s+"
_HELP = r"(?:assist|help|comply|fulfil+|continue|discuss|provide|do|answer|engage)\b[\w\s,'’]{0,60}"
REFUSES = re.compile(
    rf"(?:{_SORRY})?{_CANNOT}{_HELP}[.!]?"
    r"|(?:es )?tut mir leid,? (?:aber )?dabei kann ich (?:dir|ihnen|euch)?\s*nicht helfen[.!]?"
    r"|(?:我)?(?:很)?抱歉[，,]?.{0,20}(?:无法|不能).{0,20}(?:回答|协助|帮助|提供).{0,30}"
    r"|你好，?这个问题我暂时无法回答.{0,30}",
    re.I,
)


def only_announces(text: str) -> bool:
    """Whether an answer ends with what the model will do next, and that is all it says or plainly not yet done."""
    if len(text) > MAX_LENGTH or "```" in text:
        return False
    sentences = [sentence.strip(" *_#>-") for sentence in SENTENCES.split(text) if sentence.strip(" *_#>-")]
    said = [sentence for sentence in sentences if not FILLER.fullmatch(sentence)]
    if not said or not _announces(said[-1]):
        return False
    return said[-1].endswith((":", "...", "…", "：")) or all(map(_announces, said))


def refuses(text: str) -> bool:
    """Whether an answer is nothing but one of the sentences with which models decline."""
    return REFUSES.fullmatch(" ".join(text.split())) is not None


def _announces(sentence: str) -> bool:
    return ANNOUNCES.match(sentence) is not None and ANOTHER_TIME.search(sentence) is None
