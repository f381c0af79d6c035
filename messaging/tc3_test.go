package messaging

import (
	"strings"
	"testing"
	"time"
)

const (
	docBody = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	ownBody = `{"PhoneNumberSet":["+8613800000001"],"SmsSdkAppId":"1400000001","SignName":"示例","TemplateId":"1000001","TemplateParamSet":["张三"],"SessionContext":"c01HZX5N9Q7T"}`
)

// TestTC3 checks Tencent's published examples and one made for SendSms with an
// independent program.
func TestTC3(t *testing.T) {
	cvm := []header{{"content-type", "application/json; charset=utf-8"}, {"host", "cvm.tencentcloudapi.com"}}
	tests := []struct {
		name      string
		s         tc3
		headers   []header
		body      string
		at        int64
		canonical string // "" is not published
		want      string
	}{
		{
			"the documentation's two headers",
			tc3{"AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm"}, cvm, docBody, 1551113065,
			"5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
			"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
		},
		{
			"the documentation's two headers, key masked by asterisks",
			tc3{"AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", "cvm"}, cvm, docBody, 1551113065,
			"", "2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c",
		},
		{
			"the documentation's three headers",
			tc3{"AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", "cvm"},
			append(cvm[:2:2], header{"x-tc-action", "describeinstances"}), docBody, 1551113065,
			"7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
			"be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3",
		},
		{
			"SendSms in Chinese",
			tc3{"AKIDEXAMPLE00000000", "SECRETEXAMPLE0000000", "sms"},
			[]header{{"content-type", "application/json; charset=utf-8"}, {"host", "sms.tencentcloudapi.com"}, {"x-tc-action", "sendsms"}},
			ownBody, 1790000000,
			"ae4ce087c85ecdd96bc6356c5ad97545e5be05773aeffaf3752aa92fb0aa527f",
			"20150ae37d260f5a7b9926323c3405b9f5f8da5fa281749d045d60a660efa1ac",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var names []string
			for _, h := range tt.headers {
				names = append(names, h.name)
			}
			c := canonical(tt.headers, strings.Join(names, ";"), []byte(tt.body))
			if got := hexSum([]byte(c)); tt.canonical != "" && got != tt.canonical {
				t.Errorf("canonical request %s, want %s", got, tt.canonical)
			}
			at := time.Unix(tt.at, 0)
			if got := tt.s.sign(c, at); got != tt.want {
				t.Errorf("signature %s, want %s", got, tt.want)
			}
			auth := tt.s.authorization(tt.headers, []byte(tt.body), at)
			if !strings.HasSuffix(auth, "Signature="+tt.want) || !strings.Contains(auth, "SignedHeaders="+strings.Join(names, ";")+",") {
				t.Errorf("got %s", auth)
			}
		})
	}
	if got := hexSum([]byte(docBody)); got != "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064" {
		t.Errorf("body %s", got)
	}
	if got := hexSum([]byte(ownBody)); got != "9e96fa9e153541df4395ffc8fd4d1b2dd9812fcd95b33b95f2317832c1c30f71" {
		t.Errorf("own body %s", got)
	}
}
