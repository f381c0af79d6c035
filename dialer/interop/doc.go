// Package interop calls programs that nobody here wrote. It holds tests only.
//
// The simulators beside our rooms (sip/siptest, media/mediatest) share no code
// with what they watch, but they share its authors: what we misread in an RFC we
// misread twice. So the same sip and media that place calls are joined here, as
// dialer joins them, and meet:
//
//   - SIPp (sip-tester), by scenarios of ours in testdata/sipp: the order of
//     messages in corners no softphone reaches on demand. It ends well only if
//     every message came in its place and passed its checks, and it echoes RTP.
//   - baresip (baresip-core), a softphone: it says a melody of its own and records
//     ours in G.711 and G.722, in the clear and by SRTP; it presses keys, hears
//     ours, and transfers calls.
//   - Kamailio, a carrier's edge by testdata/kamailio/proxy.cfg: it asks for the
//     password, computes the digest by itself and stays on the way of everything
//     inside the call.
//   - rtpengine (rtpengine-daemon), a media relay Kamailio puts on the way, as an
//     SBC does: it rewrites every description and all sound passes it.
//   - linphonec (linphone-cli), a softphone with another SIP stack, another
//     jitter buffer and STUN on the media ports: its recording is what we said.
//
// What is proven by which test: docs/interop.md.
//
// A run never skips. deploy/setup-test.sh installs the programs; one that is
// missing fails the test with its package's name. Each program gets a folder and
// free ports of its own, is waited for by asking it over the wire, is ended by
// its own process ID, and shows its logs when the test has failed. No run takes
// longer than 30 s.
//
// Sound is judged by likeness: a melody of twelve sliding notes is said, and what
// comes back must hold each note, in its place, to the sample.
package interop
