package messaging_test

import (
	"fmt"

	"warmline/messaging"
)

// Only the whole message is an opt-out.
func ExampleOptOutWord() {
	for _, reply := range []string{"R", "ｔｄ。", "退订", "怎么退订"} {
		fmt.Println(reply, messaging.OptOutWord(reply))
	}
	// Output:
	// R true
	// ｔｄ。 true
	// 退订 true
	// 怎么退订 false
}
