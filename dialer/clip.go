package dialer

// playTest plays the clip of a test call to its end, or hangs up at the answer
// when there is nothing to play. The leg's word that it has been played ends the
// call; the talk limit does when that word never comes.
func (c *call) playTest() {
	if c.job.Clip.Frames() == 0 {
		c.hangup("answered")
		return
	}
	c.leg.Play(c.job.Clip)
}
