package contacts

import (
	"strings"
	"unicode"
)

// Salutation gives 王女士 or 王先生, and "" unless the surname is known and the
// gender was declared: better 您好 alone than a wrong guess.
func (c Contact) Salutation() string {
	if c.Surname == "" || !c.GenderDeclared {
		return ""
	}
	switch c.Gender {
	case "f":
		return c.Surname + "女士"
	case "m":
		return c.Surname + "先生"
	}
	return ""
}

// notNames are words that make a receiver's name a delivery note, a place or a
// relative instead.
var notNames = strings.Fields("妈 爸 爷 奶 姐 哥 叔 婶 姨 舅 姑 婆 嫂 弟 妹 老公 老婆 媳妇 宝宝 宝贝 家长 亲 " +
	"老师 同学 老板 经理 师傅 医生 快递 驿站 门卫 代收 菜鸟 丰巢 前台 物业 超市 公司 仓库 店 收 转 电话 勿 别 不要 放 谢谢 小仙女")

var compoundSurnames = strings.Fields("欧阳 上官 司马 诸葛 东方 皇甫 尉迟 公孙 慕容 长孙 宇文 司徒 令狐 夏侯 轩辕 端木 南宫 西门 独孤 呼延 澹台 公羊 濮阳 太史 申屠 闻人 拓跋 百里 东郭 第五 钟离 淳于 单于 赫连 纳兰 完颜 司空 左丘 梁丘")

const singleSurnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付傅方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳欧管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝"

// surname gives the family name of a Chinese name of two to four characters, and
// "" for everything else: names with figures, emoji, delivery notes or kinship.
func surname(name string) string {
	name = bareName(name)
	runes := []rune(name)
	title := len(runes) == 1 // 王女士 became 王
	if len(runes) > 4 || len(runes) == 0 {
		return ""
	}
	for _, r := range runes {
		if !unicode.Is(unicode.Han, r) {
			return ""
		}
	}
	for _, word := range notNames {
		if strings.Contains(name, word) {
			return ""
		}
	}
	for _, s := range compoundSurnames {
		if strings.HasPrefix(name, s) && (len(runes) > 2 || title) {
			return s
		}
	}
	if len(runes) <= 3 && strings.ContainsRune(singleSurnames, runes[0]) {
		return string(runes[0])
	}
	return ""
}
