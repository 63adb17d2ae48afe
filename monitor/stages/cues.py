"""Signals of stance: who speaks, how the claim is held, and what is said of it.

A claim and its refutation share their vocabulary, so the topic says nothing about stance. These word lists name the
devices instead: each cue is a set of word beginnings in Russian, Ukrainian and English, matched on folded text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from monitor.text import WORD, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# A leading "=" asks for the whole word; a space stands for any run of spaces.
_STEMS: dict[str, str] = {
    # The claim is called untrue.
    "verdict": """фейк|фэйк|вброс|ложь|=лжи|ложн|лжив|=лгут|=врет|=врут|враньё|вранье|вымысел|вымышлен|выдумк|неправд|не соответствует действ|
        дезинформ|пропаганд|манипул|опроверг|опроверж|разоблач|развенч|фальсифи|сфальсиф|подделк|подделан|инсценир|постановоч|срежиссир|миф|
        фактчек|не подтверди|недостоверн|искаж|брехн|неправдив|хибн|вигада|маніпул|спрост|викри|вкид|підробк|підроблен|інсцен|постанов|міф|
        не відповідає дійс|недостовірн|перекруч|=false|=falsely|fake|hoax|=lie|=lies|=lying|untrue|disinfo|misinfo|propagand|manipulat|debunk|refut|
        fact-check|fact check|fabricat|staged|stage-managed|myth|mislead|doctored|distort|bogus|sham|baseless|unfounded|no evidence|contradict""",
    # The author does not vouch for the claim.
    "distance": """якобы|так называем|=т.н|мол|дескать|нібито|так зван|буцімто|мовляв|начебто|=т.зв|alleged|purported|so-called|supposed|self-styled|
        self-proclaimed|самопровозгл|самопроголош|псевдо|pseudo|квази|quasi|claims|claimed|claiming|утвержда|стверджу|unverified|could not be verified|
        could not independently|не удалось подтвердить|не вдалося підтвердити|независимого подтвержд|незалежного підтвердж""",
    # Somebody speaks.
    "attribution": """заяви|сообщи|сказал|сказав|отмети|подчеркн|наголос|зазнач|повідом|додал|додав|рассказал|розпов|по словам|за словами|
        по данным|за даними|=said|=says|stated|=told|=according|added|stressed|noted|announced|reported|пояснил|пояснив|поясни|назвал|назвав|
        =calls|=called|describes|described""",
    # The power that holds the ground is named as its opponents name it.
    "occupation_word": """оккуп|окуп|occup|аннекс|анекс|annex|загарб|захватчик|захват|захопл|seiz|вторжен|вторгн|invasion|invad|агресс|агрес|
        aggress|коллаборац|колаборац|collaborat|гауляйтер|марионет|маріонет|puppet|deport|депорт|незакон|unlawful|illegal|international law|
        международн.. прав|міжнародн.. прав""",
    # Words of the claim's own camp.
    "camp_word": """киевск.. режим|київськ.. режим|kiev regime|=kiev|освобожд|освобод|звільнен|визвол|liberat|воссоедин|возз'єдн|возз’єдн|reunif|
        =сво|спецоперац|спецопер|special operation|нацист|неонацист|nazi|родн.. гаван|рідн.. гаван|home harbo|новые регион|новых регион|нових регіон|new regions|
        русофоб|russophob|западн.. кураторы|куратор|патриот|патріот|героиз|героїз|исторической справедл|історичн.. справедл|historical justice|
        единоглас|одноголосн|единодуш|одностайн|unanim""",
    # People did not do it freely.
    "coercion": """принужд|принудит|заставл|вынужден|под угроз|угроз.. увольн|сгоня|согна|свозил|свезли|добровольно-принуд|обязал|обязали|разнаряд|
        массовк|примус|примуш|змуш|змус|під загроз|звіль|зганя|зігна|звезли|coerc|forced|forcing|compelled|under threat|threaten|bussed|bused|herded|
        at gunpoint|под дулом|під дулом|extras|dismiss""",
    # Somebody who checked, judged or counted is named.
    "checker": """правозащит|правозахис|омбудсм|уполномоч|уповноваж|=оон|=un|united nations|генассамбле|генасамбле|general assembly|европейск.. суд|
        європейськ.. суд|=еспч|=єспл|echr|court|tribunal|трибунал|венецианск|венеційськ|venice commission|=обсе|=обсє|osce|monitors|монитор|моніторинг|
        исследоват|дослідник|research|analyst|аналитик|аналітик|историк|історик|historian|журналист|журналіст|journalist|проверк|перевір|verif|
        свидетел|свідк|свідчен|witness|спутников|супутник|satellite|документ|document|архив|архів|archive|leaked|расследован|розслідув|investigat""",
    # A turn from what is said to what is so.
    "turn": """на самом деле|в действительности|в реальности|насправді|в дійсності|at the same time|однако|проте|однак|=но|=але|втім|however|=but|
        =yet|in fact|in reality|actually|in truth|вместо этого|натомість|instead|вопреки|всупереч|despite|although|хотя|хоча|тогда как|тоді як|whereas""",
    "negation": """=не|=нет|=ни|=ні|=нема|немає|никто|никак|ничего|ніхто|нічого|=without|=без|never|никогда|ніколи|=no|=not|=none|nobody|=nor|isn't|
        wasn't|weren't|didn't|doesn't|aren't|don't|cannot|нельзя|невозможн|неможлив""",
    # The author is sure.
    "certainty": """конечно|безусловно|разумеется|как известно|всем известно|очевидно|несомненно|звичайно|безумовно|звісно|як відомо|всім відомо|очевид|
        of course|as is well known|everyone knows|obvious|undoubted|clearly|наконец|нарешті|at last|finally|навсегда|назавжди|forever|навеки|навіки""",
    # Neutral relating of somebody's position.
    "relating": """москва называ|кремль называ|в кремле|россия называ|москва назива|кремль назива|росія назива|moscow calls|kremlin calls|russia calls|
        the kremlin|в москве счита|у москві вважа|российские власти|російська влада|russian officials|russian authorities|нарратив|наратив|narrative|
        риторик|rhetoric|тезис|теза|talking point|критик|critics|западные стран|західні країн|western countries|киев отриц|київ запереч|kyiv denies|
        украина отриц|україна запереч|оценить не|обе стороны|обидві сторони|both sides""",
}
# How fact-checkers label a claim that they take apart, at the head of a title.
_LABEL = re.compile(
    r"^\W*(?:фейк|фэйк|неправда|ложь|манипуляция|маніпуляція|фактчек|фактчекинг|перевірка|проверка|вкид|вброс|дезінформація|дезинформация|"
    r"спростування|опровержение|fake|false|fact[- ]?check(?:ed|ing)?|misleading|hoax|debunked|disinfo|disinformation|manipulation)\s*[:.—–|\]-]"
)
# A sentence that says outright that something told is not so.
_VERDICT_PHRASE = re.compile(
    r"\b(?:это|це|є|оказал\w+|виявил\w+|is|are|was|were|as)\s+(?:\w+\s+){0,2}(?:фейк\w*|ложь\w*|лож[ьн]\w*|неправд\w*|вымысл\w*|вигадк\w*|постановк\w*|"
    r"инсценировк\w*|інсценуванн\w*|false|untrue|fake[ds]?|staged|fabricated|a lie|a hoax|a myth|propaganda|disinformation)\b"
    r"|\bне соответству\w+ действительности|\bне відповіда\w+ дійсності|\b(?:на самом деле|насправді|в действительности)\b"
    r"|\bнет (?:никаких )?доказательств|\bнемає (?:жодних )?доказів|\bno evidence\b|\bin fact\b|\bin reality\b"
)
CUES: tuple[str, ...] = (*_STEMS, "quoted_share", "question", "exclamation")
_QUOTED = re.compile('[«“„"]([^«»“”„"]{2,200})[»”“"]')


def _compile(stems: str) -> re.Pattern[str]:
    alternatives = []
    for stem in stems.split("|"):
        body = fold(" ".join(stem.split()))
        whole = body.startswith("=")
        pattern = re.escape(body.lstrip("=")).replace(r"\ ", r"\s+").replace(r"\.", ".")
        alternatives.append(pattern + (r"\b" if whole else ""))
    return re.compile(r"\b(?:" + "|".join(alternatives) + ")")


_PATTERNS = {name: _compile(stems) for name, stems in _STEMS.items()}


def count_cues(text: str) -> NDArray[np.float32]:
    """One number per cue of `CUES`: log of one plus the count for word cues, a share or 0/1 for the marks."""
    folded = fold(text)
    counted = [np.log1p(sum(1 for _ in _PATTERNS[name].finditer(folded))) for name in _STEMS]
    return np.array([*counted, quoted_share(text), float("?" in text), float("!" in text)], dtype=np.float32)


def quoted_share(text: str) -> float:
    """Share of the text's words that stand in quotation marks."""
    total = sum(1 for _ in WORD.finditer(text))
    quoted = sum(sum(1 for _ in WORD.finditer(match.group(1))) for match in _QUOTED.finditer(text))
    return quoted / total if total else 0.0


def stack_cues(texts: Sequence[str]) -> NDArray[np.float32]:
    """`count_cues` of each text: texts x cues."""
    return np.stack([count_cues(text) for text in texts]) if texts else np.zeros((0, len(CUES)), dtype=np.float32)


def has_fact_check_label(title: str) -> bool:
    """Whether a title is marked as a fact-check ("Fake: …"); such a text takes the claim apart that it repeats."""
    return bool(_LABEL.match(fold(title)))


def is_contested(text: str) -> bool:
    """Whether a text says outright that something told is not so. Who promotes a claim may do that too, but seldom."""
    return bool(_VERDICT_PHRASE.search(fold(text)))
