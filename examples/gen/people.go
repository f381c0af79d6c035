package main

import (
	"fmt"
	"strings"

	"warmline/contacts"
)

// person is one invented customer.
type person struct {
	number   string // eleven digits
	account  string
	name     string
	real     string // 买家真实姓名; differs from name on gifts
	gender   string
	birthday string
	level    string
	home     home
	special  bool // number chosen for how it answers
	gift     bool // only ever received what others bought
	refunded bool // sent the only order back
	orders   int
}

type home struct{ province, city, district string }

// homes are the dozen cities of the example, the cold ones more often.
var homes = []home{
	{"黑龙江省", "哈尔滨市", "南岗区"}, {"黑龙江省", "哈尔滨市", "道里区"}, {"北京", "北京市", "朝阳区"}, {"北京", "北京市", "海淀区"},
	{"辽宁省", "沈阳市", "和平区"}, {"吉林省", "长春市", "朝阳区"}, {"天津", "天津市", "南开区"}, {"上海", "上海市", "徐汇区"},
	{"浙江省", "杭州市", "西湖区"}, {"江苏省", "苏州市", "姑苏区"}, {"江苏省", "南京市", "鼓楼区"}, {"广东省", "广州市", "天河区"},
	{"广东省", "深圳市", "南山区"}, {"四川省", "成都市", "武侯区"}, {"湖北省", "武汉市", "武昌区"}, {"陕西省", "西安市", "雁塔区"},
}

// coldHomes of the homes, the first ones, lie where the cold wave strikes.
const coldHomes = 7

// tails choose who answers at the rehearsal's gateway: each kind of person or line
// has two customers or more. Every other tail agrees.
var tails = strings.Fields("101 102 103 104 105 201 202 203 204 205 206 207 " +
	"300 301 302 303 304 305 306 307 308 309 310 311 312 313 314 315 316 317 318")

var (
	prefixes  = strings.Fields("130 131 132 135 136 137 138 139 150 151 152 155 158 159 166 171 177 180 186 188 189 191 199")
	families  = strings.Fields("王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 高 林 罗 郑 梁 宋 唐 许 韩 冯 邓 曹 彭 欧阳 上官")
	feminine  = strings.Fields("芳 静 敏 丽 秀英 晓燕 雪梅 佳怡 婷婷 慧 雨欣 思琪 玉兰 颖 文静 海燕 桂英 莉 诗涵 欣怡")
	masculine = strings.Fields("伟 强 磊 军 勇 杰 建国 志强 明 浩然 宇轩 海涛 文博 俊 鹏 建华 国栋 子轩 天佑 晨曦")
	oddNames  = []string{"小仙女🌸", "王妈妈", "张三放菜鸟驿站", "A座1203", "李同学", "宝贝", "Lily"}
	levels    = []string{"普通会员", "银卡会员", "金卡会员", "黑卡会员"}
)

// ordinary is how many people answer as most people do.
const ordinary = 240

// makePeople invents the customers: for every tail two, many who agree, and some
// who only received a gift.
func makePeople(d *dice) []person {
	taken := map[string]bool{}
	var people []person
	for _, tail := range tails {
		for range 2 {
			p := somebody(d, number(d, taken, tail))
			p.special = true
			p.home = homes[len(people)%coldHomes] // one campaign for the cold snap meets them all
			people = append(people, p)
		}
	}
	for range ordinary {
		people = append(people, somebody(d, number(d, taken, "")))
	}
	for i := range 16 {
		p := somebody(d, number(d, taken, ""))
		p.gift, p.orders = true, 1+i%2
		p.birthday, p.level, p.gender = "", "", ""
		p.real = pick(d, families) + pick(d, masculine)
		if p.real == p.name {
			p.real = "送" + p.name
		}
		people = append(people, p)
	}
	born(people)
	for i := range 8 {
		p := &people[len(tails)*2+i*9]
		p.refunded, p.orders = true, 1
	}
	return people
}

// number gives an unused number; with no tail asked for it keeps clear of those
// that mean something, and of their neighbours.
func number(d *dice, taken map[string]bool, tail string) string {
	for {
		end := tail
		if end == "" {
			end = fmt.Sprintf("%03d", 400+d.n(590))
		}
		n := pick(d, prefixes) + "0000" + fmt.Sprint(d.n(10)) + end
		if !taken[n] {
			taken[n] = true
			return n
		}
	}
}

func somebody(d *dice, number string) person {
	p := person{number: number, home: pick(d, homes), gender: "女", orders: 1}
	given := pick(d, feminine)
	if d.percent(38) {
		p.gender, given = "男", pick(d, masculine)
	}
	p.name = pick(d, families) + given
	p.account = "t" + fmt.Sprintf("%08d", d.n(1e8))
	switch {
	case d.percent(4):
		p.name, p.gender = pick(d, oddNames), ""
	case d.percent(25):
		p.gender = "" // most shops know it of three in four
	}
	if d.percent(45) {
		p.level = pick(d, levels)
		p.real = p.name
		p.birthday = someday(d)
	}
	if d.percent(30) {
		p.orders += 1 + d.n(2)
	}
	return p
}

// someday writes a birthday in one of the ways shops do, none near the world's day.
func someday(d *dice) string {
	month, day := 1+d.n(10), 1+d.n(28)
	switch d.n(6) {
	case 0:
		return fmt.Sprintf("%d-%d", month, day)
	case 1:
		return fmt.Sprintf("19%d-%02d-%02d", 60+d.n(40), month, day)
	case 2:
		return fmt.Sprintf("%d月%d日", month, day)
	case 3:
		return "农历" + contacts.LunarDate{Month: 1 + month%8, Day: day}.String()
	case 4:
		return "农历闰六月初一"
	}
	return ""
}

// born gives some people a birthday on the world's day or the day after, by both
// calendars and written in four ways.
func born(people []person) {
	var near []string
	for _, days := range []int{0, 1} {
		when := world.AddDate(0, 0, days)
		lunar, _ := contacts.Lunar(when)
		near = append(near, when.Format("1-2"), "1988-"+when.Format("01-02"),
			"农历"+lunar.String(), fmt.Sprintf("农历%d-%d", lunar.Month, lunar.Day))
	}
	first := 2*len(tails) + 100 // among the ordinary
	for i := range 3 * len(near) {
		p := &people[first+3*i]
		p.birthday, p.level, p.real = near[i%len(near)], pick(&dice{uint64(i)}, levels), p.name
	}
}
