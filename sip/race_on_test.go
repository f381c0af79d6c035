//go:build race

package sip_test

const raced = true
