package wecom_test

import (
	"fmt"
	"strings"
	"time"

	"warmline/wecom"
)

// A link carries the invitation's token, and the token comes back as State.
func ExampleLinkURL() {
	token, _ := wecom.NewState(wecom.TokenInvitation, strings.NewReader("sixteen bytes ok"))
	link, _ := wecom.LinkURL("https://work.weixin.qq.com/ca/cawcde01", token)
	fmt.Println(len(token), link)
	// Output: 28 https://work.weixin.qq.com/ca/cawcde01?customer_channel=ivedmqgx35cnq20rksehjq683fdc
}

// Callbacks may come late and out of order: the deletion stays the last word.
func ExampleInvitation_Apply() {
	ten := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	i := wecom.Invitation{State: wecom.Offered, Changed: ten}
	i, _ = i.Apply(wecom.StepCustomerDeleted, ten.Add(9*time.Minute))
	i, moved := i.Apply(wecom.StepAdd, ten.Add(3*time.Minute))
	fmt.Println(i.State, moved, i.AddedAt.Format(time.TimeOnly))
	// Output: lost_by_customer false 10:03:00
}
