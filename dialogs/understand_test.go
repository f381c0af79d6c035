package dialogs

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUnderstand(t *testing.T) {
	tests := map[string][]string{
		"opt_out":         {"不要再打了", "别打了", "别再给我打电话了", "不要给我打电话", "好的可以，但是别打了", "打错了，别再打了", "把我拉黑吧", "再打我就投诉了", "退订", "别烦我", "TD", "你们以后别来电话了", "你们能不能别打了", "以后不要再联系我", "不要再打扰我了", "请勿打扰我", "我在开会，以后别打了"},
		"complaint":       {"我要投诉你们", "你们是骗子", "烦死了", "天天打", "又打来干嘛"},
		"wrong_person":    {"你打错了", "打错电话了", "我不是本人", "没这个人", "不认识她", "我不姓王"},
		"busy":            {"我在忙", "开会呢", "现在没空", "不方便", "正上班呢", "在吃饭", "晚点再打", "我在忙，晚点再打吧", "等会儿再打"},
		"driving":         {"我在开车", "开车呢", "在高速上"},
		"later":           {"明天下午三点再打给我", "过两个小时", "我在忙，下午再打吧", "明天上午吧"},
		"no":              {"不可以", "不行", "不是", "不好", "没有", "我没买过你们的东西", "还没收到", "不满意", "可以才怪，不行"},
		"yes":             {"可以", "行", "好的", "对", "是的", "我是", "对我是", "挺好的", "可以啊", "没问题", "不错", "行吧", "嗯嗯", "好呀加吧", "没事你说", "不介意", "嗯可以", "需要的", "不好意思，可以的", "收到了，挺好的"},
		"not_interested":  {"没兴趣", "不需要", "不用了", "好的不用了", "不感兴趣谢谢", "算了吧", "不加了", "不要", "别加", "不用", "我不同意", "改天再说"},
		"already_friend":  {"加过了", "我已经加了", "我有你们微信", "早就加了你们"},
		"phone_is_wechat": {"手机号就是微信", "微信同号", "就加这个手机号", "电话就是微信号"},
		"are_you_a_bot":   {"你是机器人吗", "你是真人吗", "是不是机器人", "你是AI吗", "你是人还是机器"},
		"who_are_you":     {"你是谁", "你哪位", "哪里的", "你们是什么公司", "怎么有我的电话", "有什么事吗", "谁啊", "怎么了", "喂你好，哪位"},
		"ask_human":       {"转人工", "找个真人跟我说", "叫你们经理来", "换个人跟我说", "不要机器人，转人工"},
		"repeat":          {"没听清", "再说一遍", "你说什么", "啊？", "什么？"},
		"price":           {"多少钱", "要钱吗", "收费吗", "免费的吗"},
		"greeting":        {"喂", "你好", "喂，您好", "您好"},
		"backchannel":     {"哦", "啊", "呃", "哈哈"},
		"other":           {"", "今天天气", "我不知道", "可以吗？", "我想想", "银行"},
	}
	for want, sentences := range tests {
		for _, s := range sentences {
			if got := Understand(s, "question", "zh-CN", monday); got.Name != want {
				t.Errorf("Understand(%q) = %s by %s, want %s", s, got.Name, got.Rule, want)
			}
		}
	}
	contexts := []struct{ context, said, want string }{
		{"identity", "对我是", "yes"}, {"identity", "嗯，是我", "yes"}, {"identity", "嗯", "yes"}, {"identity", "对，怎么了？", "yes"}, {"identity", "对对对，你说", "yes"},
		{"identity", "今天天气真好", "other"}, {"identity", "你说", "other"}, {"identity", "好", "other"}, {"identity", "不是", "no"},
		{"identity", "是我老婆的号", "wrong_person"}, {"identity", "我是他爱人", "wrong_person"},
		{"offer_add", "可以", "yes"}, {"offer_add", "好吃", "other"}, {"offer_add", "谢谢", "other"}, {"offer_add", "嗯", "yes"}, {"", "嗯", "backchannel"}, {"goodbye", "嗯", "backchannel"}, {"offer_add", "好的谢谢", "yes"},
	}
	for _, c := range contexts {
		if got := Understand(c.said, c.context, "zh-CN", monday); got.Name != c.want {
			t.Errorf("asked %s, %q is %s by %s, want %s", c.context, c.said, got.Name, got.Rule, c.want)
		}
	}
	english := map[string]string{
		"Don't call me again": "opt_out", "yes please": "yes", "no thanks": "not_interested", "wrong number": "wrong_person",
		"who is this?": "who_are_you", "I'm driving": "driving", "not good": "no", "no problem": "yes", "hello": "greeting",
	}
	for s, want := range english {
		if got := Understand(s, "", "en", monday); got.Name != want {
			t.Errorf("Understand(%q) = %s by %s, want %s", s, got.Name, got.Rule, want)
		}
	}
}

func TestTimesThatPeopleName(t *testing.T) {
	tests := map[string]string{
		"明天下午三点再打": "11-24 15:00", "过两个小时": "11-23 12:30", "半小时后再打": "11-23 11:00",
		"下午三点半打给我": "11-23 15:30", "晚上八点打": "11-23 20:00", "后天上午吧": "11-25 10:00", "三点再打": "11-23 15:00",
		"周五下午打给我": "11-27 15:00", "下周三上午再说": "12-02 10:00", "过一个半小时再打": "11-23 12:00", "明天十点一刻打给我": "11-24 10:15",
		"过二十分钟再打": "11-23 10:50",
	}
	for s, want := range tests {
		in := Understand(s, "", "zh-CN", monday)
		got := ""
		if !in.Time.IsZero() {
			got = in.Time.Format("01-02 15:04")
		}
		if got != want || in.Name != "later" {
			t.Errorf("%q is %s at %q, want later at %q", s, in.Name, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	tests := []struct {
		filter string
		in     any
		want   string
	}{
		{"temperature", -12.0, "零下十二度"}, {"temperature", 0.0, "零度"}, {"temperature", 25.0, "二十五度"},
		{"money", 105.5, "一百零五元五角"}, {"money", 12.05, "十二元零五分"}, {"phone", "13800138000", "幺三八，零零幺三，八零零零"},
		{"date", time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC), "十二月二十号"},
		{"spoken", monday.Add(28*time.Hour + 30*time.Minute), "明天下午三点"}, {"spoken", 110.0, "一百一十"}, {"spoken", 10010.0, "一万零一十"},
		{"count", 2.0, "两"}, {"count", 12.0, "十二"}, {"spoken", 2.0, "二"},
	}
	for _, tt := range tests {
		got, ok := filters[tt.filter](tt.in, monday)
		if !ok || got != tt.want {
			t.Errorf("%v | %s = %v, want %s", tt.in, tt.filter, got, tt.want)
		}
	}
}

// TestARefusalIsNeverReadAsYes: however a no to the offer is dressed, nobody is added for it.
func TestARefusalIsNeverReadAsYes(t *testing.T) {
	for lang, refusals := range map[string][]string{
		"zh-CN": {
			"不可以加", "你别加吧", "不好", "加什么加", "不要加吧", "不同意加", "我可不同意", "可以不加吧", "好什么好", "行什么行", "你加也没用我不会通过", "加了我也不同意", "别加好吧", "不加行吧", "不加好吗", "我说不行", "我说了不可以",
			"不对不对", "不是说好不打了吗", "好烦", "部可以", "不口以", "步行", "布行", "可以个屁", "可以你个头", "想得美", "做梦吧", "省省吧", "少来", "少来这套", "鬼才加", "加你个鬼", "没门", "免谈", "不可能", "怎么可能",
			"凭什么加", "我为什么要加", "干嘛要加你", "有什么好加的", "行了行了", "好了好了我知道了", "好了好了", "得了吧", "得了", "你可以挂了", "可以挂了吗", "行了挂了吧", "我不行", "未必可以", "恐怕不行", "应该不行", "好像不行",
			"估计不可以", "不太好吧", "不好吧", "这不太好", "好吧算了", "嗯不用", "嗯 不要", "哦不加", "可以是可以就是不想加", "我愿意个啥", "谁愿意啊", "爱加不加",
		},
		"en": {
			"yeah right", "fat chance", "sure, when hell freezes over", "ok I'm hanging up", "I'd rather die", "why would I", "of course not",
			"absolutely not", "definitely not", "certainly not", "sure not", "yes but no", "okay no", "ok bye", "fine but no", "not okay", "that's not ok",
			"don't you dare", "good grief no", "I can't say yes to that", "I said no", "right, no", "you can forget it", "you can't add me", "please no",
			"I'm fine",
		},
	} {
		for _, s := range refusals {
			for _, question := range []string{"offer_add", ""} {
				if in := Understand(s, question, lang, monday); in.Name == "yes" {
					t.Errorf("asked %q, %q is yes by %s", question, s, in.Rule)
				}
			}
		}
	}
}

// TestALineWithoutASoundAgreesToNothing: spaces and full stops are no nod.
func TestALineWithoutASoundAgreesToNothing(t *testing.T) {
	for _, lang := range []string{"zh-CN", "en"} {
		for _, question := range Questions {
			for _, s := range []string{"", " ", "   ", "...", "。。。", "，", "!", "-", "\t"} {
				if in := Understand(s, question, lang, monday); in.Name != "other" {
					t.Errorf("%s, asked %q: %q is %s by %s", lang, question, s, in.Name, in.Rule)
				}
			}
		}
	}
}

// TestAProhibitionOfSomethingElseIsNoOptOut: words that forbid and words for calling, which
// together ask for no silence.
func TestAProhibitionOfSomethingElseIsNoOptOut(t *testing.T) {
	for lang, sentences := range map[string][]string{
		"zh-CN": {"我没说别打", "不用挂 我听着", "别挂", "别打断我", "能不能打个折", "不要打折的", "特别忙晚点打", "别急你打给我就行", "我不得空晚点打", "现在不能打电话", "没打扰 你讲", "别人打来的电话", "要不要打给你们店里", "舍不得打开", "不要紧你打吧", "不用打车", "别现在打 下午四点打", "记不得打过电话没有"},
		"en":    {"don't hang up", "stop, I can't hear you", "call me back later", "don't call now, call at six", "you're not bothering me, go ahead", "I can't take your call right now", "why did you not call", "that doesn't ring a bell", "stop interrupting me", "I didn't hear it ring", "don't bother", "I have lost my phone", "nobody answered my emails", "did you just call me"},
	} {
		for _, s := range sentences {
			if in := Understand(s, "opening", lang, monday); in.Name == "opt_out" {
				t.Errorf("%q is an opt-out by %s", s, in.Rule)
			}
		}
	}
}

func TestWhatOnlySoundsLikeAPhrase(t *testing.T) {
	tests := []struct{ question, said, want string }{
		{"", "憋打了", "opt_out"}, {"", "不要再大电话了", "opt_out"}, {"opening", "你打挫了", "wrong_person"}, {"opening", "在开撤呢", "driving"},
		{"offer_add", "部需要", "not_interested"}, {"offer_add", "部可以", "not_interested"}, {"offer_add", "加果了", "already_friend"},
		{"offer_add", "全部可以", "yes"}, {"recall_order", "什么时候发货", "other"},
	}
	for _, tt := range tests {
		if got := Understand(tt.said, tt.question, "zh-CN", monday); got.Name != tt.want {
			t.Errorf("asked %q, %q is %s by %s, want %s", tt.question, tt.said, got.Name, got.Rule, tt.want)
		}
	}
}

// TestAWordBehindAPartOfTheDayIsReadOnce: 早的 gave no time and moved on over nothing, so
// that a sentence with it was never done.
func TestAWordBehindAPartOfTheDayIsReadOnce(t *testing.T) {
	for said, want := range map[string]string{"大清早的别打了": "opt_out", "太晚的话就别打电话了": "opt_out", "大清早的吵死人": "complaint"} {
		if in := Understand(said, "opening", "zh-CN", monday); in.Name != want {
			t.Errorf("%q is %s by %s, want %s", said, in.Name, in.Rule, want)
		}
	}
}

func TestEnglishTimesThatPeopleName(t *testing.T) {
	tests := map[string]string{
		"call me tomorrow at 3": "11-24 15:00", "in two hours": "11-23 12:30", "next Friday morning": "12-04 10:00", "at half past four": "11-23 16:30",
		"call me at quarter to five": "11-23 16:45", "tomorrow at ten in the morning": "11-24 10:00", "try me at 3:15 pm": "11-23 15:15", "call me at 9": "11-24 09:00",
		"in an hour and a half": "11-23 12:00", "the day after tomorrow": "11-25 10:00", "call at the end of the month": "11-30 10:00", "call me at 5pm": "11-23 17:00",
	}
	for s, want := range tests {
		if in := Understand(s, "", "en", monday); in.Name != "later" || in.Time.Format("01-02 15:04") != want {
			t.Errorf("%q is %s at %s, want later at %s", s, in.Name, in.Time.Format("01-02 15:04"), want)
		}
	}
}

func TestWhatIsNamedBesideTheIntent(t *testing.T) {
	tests := []struct {
		said, lang string
		want       Slots
	}{
		{"我微信是幺三八零零幺三八零零零", "zh-CN", Slots{Phones: []string{"13800138000"}}},
		{"138 0013 8000", "zh-CN", Slots{Phones: []string{"13800138000"}}},
		{"要三百二十份", "zh-CN", Slots{Numbers: []float64{320}}},
		{"给我来两盒", "zh-CN", Slots{Numbers: []float64{2}}},
		{"加一下吧", "zh-CN", Slots{}},
		{"不要给我发短信", "zh-CN", Slots{Channels: []string{"sms"}}},
		{"别给我打电话 发微信就行", "zh-CN", Slots{Channels: []string{"voice"}}},
		{"电话短信都别来了", "zh-CN", Slots{Channels: []string{"all"}}},
		{"one three eight double zero one three eight triple zero", "en", Slots{Phones: []string{"13800138000"}}},
		{"twenty five boxes", "en", Slots{Numbers: []float64{25}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Understand(tt.said, "", tt.lang, monday).Slots); diff != "" {
			t.Errorf("%q: %s", tt.said, diff)
		}
	}
}
