package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// spoken gives the table of spoken names, by SKU and by a word of the title; one
// item is never spoken of.
func spoken() []byte {
	var b bytes.Buffer
	b.WriteString("sku,spoken,category,speakable\n")
	for _, it := range items {
		speakable := "yes"
		if it.silent {
			speakable = "no"
		}
		for _, key := range []string{it.sku, it.keyword} {
			fmt.Fprintf(&b, "%s,%s,%s,%s\n", key, it.spoken, it.category, speakable)
		}
	}
	return b.Bytes()
}

// events gives what goes on in some cities, invented.
func events() []byte {
	return []byte(`city,name,place,starts,ends,source
哈尔滨,冬日灯会,兆麟公园,2026-12-05,2026-12-20,示例数据
北京,新年市集,朝阳公园,2026-12-04,2026-12-06,示例数据
上海,咖啡文化节,徐汇滨江,2026-11-28,2026-12-03,示例数据
杭州,西湖读书会,孤山,2026-12-02,2026-12-02,示例数据
成都,暖冬音乐会,东郊记忆,2026-12-06,2026-12-06,示例数据
武汉,马拉松,汉口江滩,2026-12-20,2026-12-20,示例数据
广州,花市预展,天河公园,2026-11-20,2026-11-25,示例数据
`)
}

// climate is a city's low on 2026-11-30 and how the lows move on from there.
type climate struct {
	city  string
	low   int
	moves []int // from each day to the next, from 11-30 on
	width int   // high above low
	texts []string
}

var (
	cold = []string{"多云", "阴", "小雪", "小雪", "晴", "晴"}
	mild = []string{"晴", "多云", "多云", "阴", "小雨", "晴"}
)

// climates: on 12-01 a cold wave stands before the north; the south notices little.
var climates = []climate{
	{"哈尔滨", -1, []int{-4, -7, -6, -1, 2}, 8, cold},
	{"长春", 0, []int{-4, -6, -6, -2, 3}, 8, cold},
	{"沈阳", 2, []int{-3, -7, -5, 0, 2}, 8, cold},
	{"北京", 5, []int{-3, -7, -4, 1, 2}, 9, cold},
	{"天津", 6, []int{-3, -7, -4, 1, 2}, 8, cold},
	{"西安", 6, []int{-1, -3, -4, -1, 1}, 9, mild},
	{"武汉", 9, []int{0, -2, -3, -3, 0}, 8, mild},
	{"南京", 8, []int{0, -2, -4, -2, 0}, 8, mild},
	{"上海", 11, []int{0, -1, -3, -2, 0}, 7, mild},
	{"苏州", 10, []int{0, -1, -3, -2, 0}, 7, mild},
	{"杭州", 10, []int{0, -1, -3, -2, 1}, 8, mild},
	{"成都", 9, []int{0, 0, -1, -1, 0}, 6, mild},
	{"广州", 17, []int{0, 0, -1, -2, 0}, 8, mild},
	{"深圳", 18, []int{0, 0, -1, -2, 0}, 7, mild},
}

type weatherDay struct {
	Date string `json:"date"`
	Low  int    `json:"low"`
	High int    `json:"high"`
	Text string `json:"text"`
}

func almanac() []byte {
	cities := map[string][]weatherDay{}
	for _, c := range climates {
		low := c.low
		for i := range len(c.moves) + 1 {
			date := world.AddDate(0, 0, i-1).Format(time.DateOnly)
			cities[c.city] = append(cities[c.city], weatherDay{date, low, low + c.width, c.texts[i]})
			if i < len(c.moves) {
				low += c.moves[i]
			}
		}
	}
	out, err := json.MarshalIndent(map[string]any{"source": "示例天气", "cities": cities}, "", " ")
	if err != nil {
		panic("plain data always encodes: " + err.Error())
	}
	return append(out, '\n')
}
