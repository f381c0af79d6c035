// Package wecom turns a person who said yes into a friend of one of the shop's
// members in WeCom (企业微信), and notices when the friendship ends.
//
// WeCom has no server API that adds a friend by phone number. Two honest ways
// remain. By link (channel "link") the customer opens an acquisition link
// (获客链接) that carries an opaque token, and WeCom hands the token back as
// State once the two are friends: exact attribution. By task (channel "task") a
// member gets a card, looks the number up by hand and sends the request; that
// friendship is recognised by the phone number the member keeps in the remark.
//
// The room holds:
//
//   - [Client], the server API: one access token shared by all callers, at most
//     four calls of one API at a time, and WeCom's own error table obeyed;
//   - [Callback], the door for WeCom's pushes: signature, decryption, replay
//     window, then one [Event] for a consumer that must store it before WeCom
//     hears 200;
//   - [Invitation], [Pick] and [Attribute]: pure rules that say how far an
//     invitation is, which member has room for it and whose friend this is.
//
// Callbacks get lost, doubled and reordered, and changes made through the API
// never call back. So [Client.Customers] and [Client.ByMembers] must be read
// from time to time, and every transition below may arrive twice, late, or with
// its predecessors missing. Only one loss can not be seen by polling: a customer
// who deletes the member stays in every list; only del_follow_user tells.
//
// # States of an invitation
//
// [State.Next] is this table. A row's events that are not listed leave the
// state as it is. A test compares the table with the code.
//
//	consented            offer=offered add=added half=half duplicate=duplicate expire=expired refuse=refused opt_out=opted_out unreachable=unreachable
//	offered              click=clicked half=half add=added chat=chatting not_found=not_found awaiting=awaiting_acceptance throttle=throttled expire=expired refuse=refused opt_out=opted_out unreachable=unreachable duplicate=duplicate customer_deleted=lost_by_customer member_deleted=lost_by_member
//	clicked              half=half add=added chat=chatting expire=expired refuse=refused opt_out=opted_out unreachable=unreachable duplicate=duplicate customer_deleted=lost_by_customer member_deleted=lost_by_member
//	half                 add=added chat=chatting expire=expired refuse=refused opt_out=opted_out duplicate=duplicate customer_deleted=lost_by_customer member_deleted=lost_by_member
//	awaiting_acceptance  half=half add=added chat=chatting expire=expired refuse=refused opt_out=opted_out unreachable=unreachable duplicate=duplicate customer_deleted=lost_by_customer member_deleted=lost_by_member
//	not_found            offer=offered add=added expire=expired opt_out=opted_out unreachable=unreachable duplicate=duplicate
//	throttled            offer=offered add=added expire=expired opt_out=opted_out unreachable=unreachable duplicate=duplicate
//	added                chat=chatting customer_deleted=lost_by_customer member_deleted=lost_by_member transfer=transferred
//	chatting             customer_deleted=lost_by_customer member_deleted=lost_by_member transfer=transferred
//	transferred          customer_deleted=lost_by_customer member_deleted=lost_by_member
//	lost_by_customer     add=added
//	lost_by_member       add=added
//	expired              click=clicked half=half add=added chat=chatting opt_out=opted_out
//	refused              add=added opt_out=opted_out
//	unreachable          add=added opt_out=opted_out
//	duplicate            opt_out=opted_out
//	opted_out
//
// A friendship is a fact, so "add" is believed even after expired or refused: a
// person may open the text a week later. Opted_out believes nothing any more:
// the friendship, should the person make one, is recorded as such, but no
// invitation of ours claims it and no welcome is sent for it.
package wecom
