package dialogs

import "regexp"

// zhRules are tried from top to bottom on a squeezed sentence; what matches the third
// column is taken out of it first.
var zhRules = rules(
	[3]string{"opt_out", `(别|不要|不准|不许|不用|不必|请勿|勿|甭|少)(再|老|总|一直|天天|老是|总是|随便|乱)*(给|跟|往|向)?(我|我们|俺|咱|这个号|这里)?(再|老|总|来)*(打了|打电话|打来|打过来|打给|打我|打扰我|打$|打啦|打这|拨|来电|联系我|联系了|骚扰|发短信|发消息|发信息|推送)`, `不用打扰|没打|别打断`},
	[3]string{"opt_out", `拉黑|退订|取消订阅|黑名单|免打扰|(删|删除|删掉|去掉|移除)(了)?我?(的)?(电话|号码|手机|信息|资料|名单)|再(也)?(不|别)(想|要)?(接|打)|再打.{0,6}(投诉|报警|举报|告|骂|不客气)|以后(都)?(别|不要|不用)(再)?(打|联系|来)|不想(再)?(接到|收到)|(别|不要)(再)?烦我|屏蔽|^stop$`, ``},
	[3]string{"complaint", `投诉|举报|12315|12321|12345|报警|骚扰|骗子|诈骗|骗人|烦死|烦不烦|有病|神经病|律师|工信部|起诉|老是打|老打|天天打|又打来|滚`, `(不|没|没有|不会|不是)(想|要)?(投诉|举报|报警|骗子|骚扰)`},
	[3]string{"wrong_person", `打错|拨错|搞错人|弄错人|认错人|不是(我)?本人|不是他|不是她|没(有)?这(个)?人|不认识(他|她|这)|找错人|换(了)?(号|机主)|号码.{0,3}换人|不姓|我是(他|她)(的)?|(是我|我是.{0,4})(老公|老婆|爱人|妈妈|爸爸|儿子|女儿|家人|朋友|同事)|不是(这个人|机主)|没(有)?(在你们|从你们)?.{0,6}买过(东西)?`, `没打错|没有打错`},
	[3]string{"driving", `开车|在高速|骑车|骑着车|驾驶|在开着车`, `(没|没在|没有|不|不在)(开车|骑车)|开车吗|买车`},
	[3]string{"later", `(晚点|晚些|晚一点|迟点|待会|等会|等一会|等下|过会|过一会|一会儿?|稍后|回头|改天|改日|过几天|过两天|过段时间|下次|下回|有空)(儿)?(再|的时候|我|吧|打|给|联系|说|聊|$)|(过|等).{1,4}(小时|钟头|分钟|刻钟|天)|.{1,3}(小时|分钟|天)(后|以后|之后)|(明天|明儿|后天|今晚|明早|明晚|下午|晚上|中午|周.|星期.|[0-9一二三四五六七八九十两]+点).{0,12}(再|打|联系|说|聊|可以|行|吧|方便|有空|有时间)|(明天|后天|今晚|明晚|下午|晚上)(上午|下午|晚上|早上|中午)?([0-9一二三四五六七八九十两]+点.{0,2})?$`, `等一下|`},
	[3]string{"busy", `忙|开会|会议|上班|工作呢|在工作|没空|没时间|没工夫|不方便|不太方便|上课|吃饭|睡觉|休息呢|在休息|午休|在外面|开着会|出差|看病|医院|接孩子|有事(呢|在)|正有事`, `不忙|没忙|没在忙|忙完|帮忙|忙好|不在忙|帮我|没上班|不上班|下班|没开会`},
	[3]string{"ask_human", `(转|找|要|叫|换|接)(个|一下|到|你们)*(的)?(人工|真人|客服|经理|领导|老板|同事|人来|人跟|人和|人说)|人工(客服|服务)|^人工$|跟(真)?人(说|讲|聊)`, `不(用|要|想)(转|找|要|叫|换|接).{0,4}(人工|客服|真人)`},
	[3]string{"are_you_a_bot", `机器人|(是|不是|是不是)(真|个)?(真人|人工|ai|机器|电脑|录音|智能|语音)|你是人(吗|么|\?|还是)|真人(吗|么|还是)|人工智能|(ai|机器|电脑|录音)(吗|么|吧|\?)|人机`, ``},
	[3]string{"already_friend", `加过(了|你|的|微信)?|(已经|早就|早|之前)(就)?(加|是好友|是你们好友)|有(你们|你)(的)?(企业)?(微信|好友)|加了(你们|你|你们的)(的)?(微信|企微|好友|客服)?|在(你们)?(的)?(微信)?群里`, `(没|没有|还没|从没|从来没)(有)?(加过|加了|加)|没有你们?(的)?微信`},
	[3]string{"phone_is_wechat", `(手机|电话|这个|本机)?(号|号码)?(就)?是(我)?(的)?微信(号)?|微信(号)?(就)?是(我)?(这个|手机|电话|本机|这)|微信同号|同号|(就)?(加|搜)(这个|我这个|本)(手机|电话)?(号|号码)|手机号(加|搜|就行|就可以)`, `(手机|电话|号|号码|微信)?不是.{0,6}(微信|手机|这个)`},
	[3]string{"who_are_you", `(你|您|你们)(是|们是)?谁|哪位|^(你|您)?(们)?(是)?(哪里|哪儿|哪家)(的|啊|呀|打来的|\?)*$|你(们)?是?(哪里|哪儿|哪家|哪个|什么)(的)?(啊|呀|人|公司|店|单位)?|(什么|哪家|哪个)(公司|店|单位|平台|牌子)|(你|你们)?(是)?(干嘛|干什么|做什么|干啥)(的)?|(怎么|咋|从哪|哪来|哪里|为什么|为啥)(会)?(知道|有|来|弄|搞|得|拿)?(到)?(的)?(我|俺)?(的)?(电话|号码|手机|信息|名字)|(有|找我)?(什么|啥)事|^(怎么了|咋了)\??$|^谁(啊|呀|\?)*$|谁打`, `你是谁都`},
	[3]string{"repeat", `没听(清|见|到|懂|明白)|听不(清|见|到|懂)|再(说|讲)(一)?(遍|次|下)|重(复|说)|(你|您)?(刚才|刚刚)?(说|讲)(的)?(什么|啥)|什么意思|啥意思|^(什么|啥|啊|嗯|哈)\?+$|^(什么|啥)$|信号不好`, ``},
	[3]string{"price", `多少钱|收费|要钱|花钱|免费|付费|贵不贵|价格|什么价|几块钱|要不要钱|便宜`, ``},
	[3]string{"not_interested", `没(有)?(什么)?兴趣|不感兴趣|不(太)?需要|不用了|不要了|不用加|不加(了)?$|用不着|用不上|没(有)?(这个)?(需要|需求|必要)|不考虑|不(想|要)(买|听|了解|加|搞)|别(推销|忽悠)|不买|(推销|广告)(的)?(吧|吗|\?)?$|算了|不必|免了|拉倒`, `不用了解|用不用|需不需要`},
)

var enRules = rules(
	[3]string{"opt_out", ` (don't|do not|never|stop|quit) (ever )?(call|calling|phone|phoning|contact|contacting|text|texting|bother|bothering)| remove me| unsubscribe| take me off| no more calls| stop `, ``},
	[3]string{"complaint", ` (complain|complaint|report you|police|scam|harass|harassing|harassment|lawyer) `, ``},
	[3]string{"wrong_person", ` (wrong number|wrong person|no such person|not me|nobody by that name) `, ``},
	[3]string{"driving", ` (i'm|am) driving | driving now `, ` not driving `},
	[3]string{"later", ` (later|call back|call me back|another time|tomorrow) `, ``},
	[3]string{"busy", ` (busy|in a meeting|at work|no time|not a good time) `, ` not busy `},
	[3]string{"ask_human", ` (speak|talk) (to|with) (a |an )?(human|person|agent|someone)| operator `, ``},
	[3]string{"are_you_a_bot", ` (robot|a bot|a machine|are you real|recording|an ai|are you human) `, ``},
	[3]string{"who_are_you", ` who (are you|is this|is calling|is it)| how did you get my number| which company `, ``},
	[3]string{"repeat", ` (say (that )?again|pardon|repeat|didn't (hear|catch)|come again) `, ``},
	[3]string{"price", ` (how much|cost|price|free) `, ``},
	[3]string{"already_friend", ` already (added|friends|have you|connected) `, ``},
	[3]string{"phone_is_wechat", ` (same number|this number is my wechat|wechat is this number) `, ``},
	[3]string{"not_interested", ` (not interested|no thanks|no thank you|don't need|do not need|not now) `, ``},
	[3]string{"no", ` (no|nope|not|don't|never|nah) `, ` no problem | not bad | don't mind `},
	[3]string{"yes", ` (yes|yeah|yep|sure|ok|okay|fine|of course|speaking|please do|go ahead|no problem|not bad) `, ``},
	[3]string{"greeting", ` (hello|hi|hey|good (morning|afternoon|evening)) `, ``},
	[3]string{"backchannel", `^ (mm|mhm|hmm|uh|um|ah|oh)( (mm|mhm|hmm|uh|um|ah|oh))* $`, ``},
)

var (
	smsOnly   = regexp.MustCompile(`短信|消息|信息`)
	callWords = regexp.MustCompile(`打|电话|联系|拉黑|删`)

	// notAnAnswer holds yes- and no-words inside other words.
	notAnAnswer = regexp.MustCompile(`不好意思|对不起|对了|对面|对方|你好|您好|好像|好多|好几|好久|好贵|好烦|好奇|刚好|正好|最好|只好|要是|主要|重要|只要|要么|不要紧|差不多|银行|旅行|行李|进行|特别|分别|别人|别的|区别|是否|无所谓|不过|不但|一点(儿)?|早上好|上午好|下午好|中午好|晚上好`)
	// goodIdiom is agreement that looks like a negation.
	goodIdiom = regexp.MustCompile(`没问题|没毛病|没事|没关系|没意见|没说的|不错|不客气|不介意|不麻烦|不反对|可不是|不用谢|不差|没得说|不是不(可以|行)|未尝不可|怎么不行|有何不可|忘不了`)
	// openQuestion asks instead of answering.
	openQuestion = regexp.MustCompile(`行不行|好不好|可不可以|可以不可以|是不是|要不要|对不对|有没有|能不能|会不会|(可以|行|好|对|是|方便)(吗|么|\?)+`)
	unsure       = regexp.MustCompile(`不(太)?(知道|清楚|确定|记得|懂|明白|一定|了解)|没想好|记不(得|清)|忘了|想想|考虑一下|再考虑|看看再说`)
	negation     = regexp.MustCompile(`不|没|别|甭|否|未|拒绝|免|勿|差评|难吃|太差|坏了|无`)
	assent       = regexp.MustCompile(`可以|好|行|对|是的|是我|我是|就是|是啊|是呀|是滴|是本人|^是$|本人|嗯嗯|要的|^要|加吧|你加|加我|同意|愿意|ok|^中$|成吧|^成$|满意|收到|方便|说吧|你说|您说|请说|请讲|喜欢|当然|必须|需要|没错|能|行吧|有空|加一下|发吧|发给我|发我|麻烦你|yes`)
	// consent is the narrower yes to an ask: liking what was bought agrees to nothing.
	consent = regexp.MustCompile(`可以|好|行|对|是的|嗯嗯|要的|^要|加吧|你加|加我|同意|愿意|ok|^中$|成吧|^成$|当然|必须|需要|没错|加一下|发吧|发给我|发我|麻烦你|yes`)
	liking  = regexp.MustCompile(`好(吃|看|用|喝|听|玩)|谢谢`)
	// itIsMe is the only yes to 请问是王女士吗.
	itIsMe = regexp.MustCompile(`是的|是我|我是|就是|是啊|是呀|是滴|本人|没错|^[嗯哦啊喂诶]*(对|是|嗯)(的|啊|呀|对|是|呢|哈)*(好|什么事|怎么了|咋了|你说|您说|请说|请讲|说吧)?\??$|我就|yes`)
	hello  = regexp.MustCompile(`^喂|哈喽|hello|你好|您好|(早上|上午|中午|下午|晚上)好`)
	hum    = regexp.MustCompile(`^[嗯哦噢啊呃额哎唉哈呵诶欸唔昂]+\??$|^(是吗|这样啊|这样子|知道了|然后呢|哦这样)\??$`)
)
