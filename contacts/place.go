package contacts

import "strings"

// place reads province, city and district from their columns, or from the first
// words of the address; the street is dropped.
func (p *row) place() (province, city, district string) {
	province, city, district = splitAddress(p.cell(FieldAddress))
	if s := p.cell(FieldProvince); s != "" {
		province = bareProvince(s)
	}
	if s := p.cell(FieldCity); s != "" {
		city = bareCity(s)
	}
	if s := p.cell(FieldDistrict); s != "" {
		district = s
	}
	return province, city, district
}

// splitAddress takes 黑龙江省 哈尔滨市 南岗区 … apart, written with or without blanks.
func splitAddress(address string) (province, city, district string) {
	address = strings.Join(strings.Fields(plainDigits(address)), "")
	for _, name := range provinces {
		if strings.HasPrefix(address, name) {
			province = name
			rest := strings.TrimPrefix(address, name)
			for _, suffix := range []string{"特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省"} {
				rest = strings.TrimPrefix(rest, suffix)
			}
			address = rest
			break
		}
	}
	if province == "" {
		return "", "", ""
	}
	if municipality(province) {
		city = province
		for range 2 { // 北京 北京市 朝阳区 and 北京市 朝阳区
			address = strings.TrimPrefix(strings.TrimPrefix(address, "市"), province)
		}
		address = strings.TrimPrefix(address, "市")
	} else if name, rest, ok := upTo(address, "市", "自治州", "地区", "盟"); ok {
		city, address = bareCity(name), rest
	}
	district, _, _ = upTo(address, "区", "县", "市", "旗")
	return province, city, district
}

// upTo cuts behind the first of the endings, if it comes within ten characters.
func upTo(s string, endings ...string) (name, rest string, ok bool) {
	best := -1
	for _, ending := range endings {
		if i := strings.Index(s, ending); i > 0 && i <= 30 && (best < 0 || i+len(ending) < best) {
			best = i + len(ending)
		}
	}
	if best < 0 {
		return "", s, false
	}
	return s[:best], s[best:], true
}

var provinces = strings.Fields("北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 " +
	"湖北 湖南 广东 海南 四川 贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门")

func municipality(province string) bool {
	switch province {
	case "北京", "天津", "上海", "重庆", "香港", "澳门":
		return true
	}
	return false
}

func bareProvince(s string) string {
	for _, name := range provinces {
		if strings.HasPrefix(s, name) {
			return name
		}
	}
	return s
}

func bareCity(s string) string {
	if s = strings.TrimSpace(s); len([]rune(s)) > 2 {
		s = strings.TrimSuffix(s, "市")
	}
	return s
}
