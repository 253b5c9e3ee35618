import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fangyan.data.text.characters import to_plain
from fangyan.data.text.numerals import spell_digits

READ = """
3.5             三点五
10              十
110             一百一十
1,000           一千
1，000          一千
1,2             一,二
50%             百分之五十
0.5%            百分之零点五
5_%             百分之五
%5              百分之五
5‰              千分之五
-5%             负百分之五
5%~10%          百分之五到百分之十
3.14159265358979  三点一四一五九二六五三五八九七九
3.005           三点零零五
12,345,678.25   一千二百三十四万五千六百七十八点二五
1.5万           一点五万
第3             第三
007             零零七
23456789        二三四五六七八九
13800138000     一三八零零一三八零零零
12000000        一千二百万
010-12345678    零一零一二三四五六七八
138-0013-8000   一三八零零一三八零零零
138_0013_8000   一三八零零一三八零零零
0912-345-678    零九一二三四五六七八
02-2345-6789    零二二三四五六七八九
+886-2-2345-6789 +八八六二二三四五六七八九
2345_6789       二三四五六七八九
5000_6000元     五千_六千元
20%-30%         百分之二十-百分之三十
20度-30度       二十度-三十度
3〜5天          三到五天
1000-2000元     一千-二千元
192.168.1.1     一九二点一六八点一点一
2018年          二零一八年
2018_年         二零一八_年
２０１８年      二零一八年
2018-2019年     二零一八-二零一九年
2018/2019年     二零一八/二零一九年
2018和2019年    二零一八和二零一九年
2018~2019年     二零一八到二零一九年
0079年          零零七九年
10年            十年
200年           二百年
1000年的历史    一千年的历史
2000年          二千年
5000年          五千年
2018-05-03      二零一八年五月三日
2018/5/3        二零一八年五月三日
2018.5.13       二零一八年五月十三日
2018-13-03      二千零一十八-十三-零三
10:30           十点三十分
10：05          十点零五分
10:00           十点
5:00:05         五点零分零五秒
3:2             三比二
1:1000          一比一千
3/4             四分之三
3/4.            四分之三.
3/0             三/零
1/2/3           一/二/三
4½              四又二分之一_
½杯             _二分之一_杯
4_1/2           四又二分之一
第①②           第_一__二_
⒈5              _一._五
❶⓴              _一__二十_
10²             十的平方
2^10            二的十次方
50㎡            五十m_
x²              x_
10⁻³            十的负三次方
-5度            负五度
−5              负五
气温-5度        气温负五度
从-5到5         从负五到五
-5~-3度         负五到负三度
3-5             三-五
3_-5            三_-五
A-5             A-五
COVID-19        COVID-十九
京-5            京-五
¥5              五元
￥1.5万         一点五万元
$3.50           三点五零美元
HK$20           二十港元
第\u200b3\ufe0f0个  第三十个
١               ١
没有            没有
"""
"""What is written, and how it is read; an underscore is a space."""


@pytest.mark.parametrize(("written", "said"), [line.split() for line in READ.strip().split("\n")])
def test_a_number_is_read_out(written, said):
    assert spell_digits(to_plain(written.replace("_", " "))) == said.replace("_", " ")


def test_a_number_without_end_is_read_one_by_one():
    assert spell_digits("9" * 40) == "九" * 40
    assert spell_digits("1" + "0" * 40) == "一" + "零" * 40


DIGITS = "零一二三四五六七八九"


def slowly(number: int, first: bool = True) -> str:
    """An integer as it is read, unit by unit; ``first``: nothing is said before it."""
    if number < 10:
        return DIGITS[number]
    units = [(10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")]
    unit, name = next((unit, name) for unit, name in units if number >= unit)
    head, rest = divmod(number, unit)
    said = ("" if first and 10 <= number < 20 else slowly(head, first)) + name
    return said + ("零" if 0 < rest < unit // 10 else "") + (slowly(rest, False) if rest else "")


@given(st.integers(0, 10**7 - 1))
@example(10**7 - 1)
@example(100_010)
def test_an_integer_is_read_as_a_slow_reader_does(number):
    assert spell_digits(str(number)) == slowly(number)


@given(st.integers(10**7, 10**12 - 1))
def test_an_integer_with_commas_is_read_as_a_slow_reader_does(number):
    assert spell_digits(f"{number:,}") == slowly(number)


@given(st.integers(0, 10**6), st.text("0123456789", min_size=1, max_size=30))
def test_all_decimals_are_read_one_by_one(whole, decimals):
    assert spell_digits(f"{whole}.{decimals}") == slowly(whole) + "点" + "".join(
        DIGITS[int(d)] for d in decimals
    )


@given(st.integers(1001, 2099))
def test_a_year_is_read_one_by_one_but_for_2000(year):
    one_by_one = "".join(DIGITS[int(digit)] for digit in str(year))
    assert spell_digits(f"{year}年") == ("二千" if year == 2000 else one_by_one) + "年"


@given(st.text("0123456789" * 3 + " .,:/-~%‰¥$^年度A①²½〇"))
def test_no_digit_is_left(text):
    assert not set("0123456789") & set(spell_digits(to_plain(text)))
