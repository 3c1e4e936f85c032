package history

import "testing"

// TestLimit tests the rule about the number of sessions by histories that a person knows.
func TestLimit(t *testing.T) {
	made := func(id int, call, ret int64, clean bool, ended ...int) login {
		return login{user: 1, id: id, call: call, ret: ret, clean: clean, made: []stored{{id, id, call, ret}}, ended: ended}
	}
	shows := func(call int64, ids ...int) sweep {
		s := sweep{action: action{verb: list, session: key{user: 1}}, call: call, ret: call + 1, shown: map[int]page{}}
		for _, id := range ids {
			s.shown[id] = page{}
		}
		return s
	}
	for _, c := range []struct {
		name   string
		max    int
		logins []login
		list   sweep
		may    bool
	}{
		{"one more, with which a login came", 1, []login{made(1, 1, 2, true), {user: 1, id: 2, presented: 1, call: 3, ret: 4, clean: true}}, shows(9, 1, 2), true},
		{"as many as allowed", 2, []login{made(1, 1, 2, true), made(2, 3, 4, true)}, shows(9, 1, 2), true},
		{"one more", 2, []login{made(1, 1, 2, true), made(2, 3, 4, true), made(3, 5, 6, true)}, shows(9, 1, 2, 3), false},
		{"one more, of logins that crossed", 2, []login{made(1, 1, 6, true), made(2, 2, 5, true), made(3, 3, 4, true)}, shows(9, 1, 2, 3), false},
		{"one more, while its login is under way", 2, []login{made(1, 1, 2, true), made(2, 3, 4, true), made(3, 5, 12, true)}, shows(9, 1, 2, 3), true},
		{"one more, after a login in an outage", 2, []login{made(1, 1, 2, true), made(2, 3, 4, true), made(3, 5, 6, false)}, shows(9, 1, 2, 3), true},
		{"one more, but another login came after the outage", 2, []login{made(1, 1, 2, true), made(2, 3, 4, false), made(3, 5, 6, true)}, shows(9, 1, 2, 3), false},
		{"another user's", 1, []login{made(1, 1, 2, true), {user: 2, id: 2, call: 3, ret: 4, clean: true}}, shows(9, 1, 2), true},
		{"the oldest ended", 1, []login{made(1, 1, 2, true), made(2, 3, 4, true, 1)}, shows(9, 2), true},
		{"ended without need", 2, []login{made(1, 1, 2, true), made(2, 3, 4, true, 1)}, shows(9, 2), false},
		{"a younger one ended", 1, []login{made(1, 1, 8, true), made(2, 3, 4, true), made(3, 5, 6, true, 2)}, shows(9, 3), true},
		{"another user's ended", 1, []login{made(1, 1, 2, true), made(2, 3, 4, true, 9)}, shows(9, 1), false},
		{"ended without a limit", -1, []login{made(1, 1, 2, true), made(2, 3, 4, true, 1)}, shows(9, 2), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &run{plan: plan{maxSessions: c.max}, rec: newRecorder()}
			r.rec.logins, r.rec.sweeps = c.logins, []sweep{c.list}
			if found := r.checkLimit(nil); (found == nil) != c.may {
				t.Errorf("the history may be: %v, want %v\n%v", found == nil, c.may, found)
			}
		})
	}
}
