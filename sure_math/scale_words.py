"""Scale words of about thirty languages and their sizes: hundred, dozen, million, thirds.

`extract.py` reads a scale word directly behind a box as part of the answer; `equivalence/units/scales.py` multiplies.
A word has its English meaning where languages differ (`billion` is 10^9).
"""

from fractions import Fraction

_WORDS: dict[str, str] = {
    "1/3": "thirds",
    "1/5": "fifths",
    "1/6": "sixths",
    "1/7": "sevenths",
    "1/8": "eighths",
    "1/9": "ninths",
    "1/10": "tenths",
    "1/100": "hundredths",
    "1/1000": "thousandths",
    "10": "十",
    "12": (
        "dozen dozens dutzend douzaine douzaines docena docenas dúzia dúzias dozzina dozzine tuzin "
        "tuziny дюжина дюжины дюжин 打 ダース 다스"
    ),
    "100": "hundred hundreds hundert сотня сотни сотен 百 백 सौ শত مئة مائة מאות ร้อย",
    "1000": (
        "tis thousand thousands tausend mille mila mil tysiąc tysiące tysięcy tys тысяча тысячи тысяч тыс "
        "тисяча тисячі тисяч "
        "тис 千 천 हजार हज़ार হাজার ألف آلاف אלף אלפים พัน nghìn ngàn bin ribu هزار χιλιάδες χίλια χιλ "
        "duizend tusen tusind"
    ),
    "10000": "万 萬 만 หมื่น",
    "100000": "lakh lakhs lac lacs लाख লাখ লক্ষ แสน",
    "1000000": (
        "मिलियन million millions mn mln mio millionen millón millones milhão milhões milione milioni milion "
        "miliony milionów "
        "миллион миллиона миллионов млн мільйон мільйони мільйонів εκατομμύριο εκατομμύρια مليون "
        "ملايين میلیون מיליון ล้าน "
        "triệu milyon juta miljoen miljoner"
    ),
    "10000000": "crore crores करोड़ কোটি",
    "100000000": "亿 億 억",
    "1000000000": (
        "billion billions bn mrd mld milliarde milliarden milliard milliards millardo millardos miliardo "
        "miliardi miliard "
        "miliardy miliardów bilhão bilhões миллиард миллиарда миллиардов млрд мільярд мільярди "
        "мільярдів δισεκατομμύρια "
        "δισεκατομμύριο مليار مليارات میلیارد מיליארד tỷ tỉ milyar miliar miljard"
    ),
    "1000000000000": ("trillion trillions tn trn 兆 조 триллион триллиона триллионов трлн τρισεκατομμύρια تريليون"),
}
SCALES = {word: Fraction(size) for size, words in _WORDS.items() for word in words.split()}
