package sip

// ListenOn lets tests bring their own network.
var ListenOn = listenOn
