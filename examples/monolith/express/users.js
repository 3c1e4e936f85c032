// The users of Harbour News, in a file, and two commands for them:
//
//   node users.js init     makes four readers
//   node users.js export   writes the users for "coatcheck users import"

const fs = require('node:fs')
const bcrypt = require('bcryptjs')

const file = process.env.DATABASE ?? 'users.json'
const all = () => JSON.parse(fs.readFileSync(file))

exports.find = (id) => all().find((user) => String(user.id) === String(id))

// fromCoatcheck returns the user of Coatcheck's answer. Numbers are ours; who is new since
// /login has moved has none.
exports.fromCoatcheck = (who) => {
  if (/^\d+$/.test(who.user_id)) return exports.find(who.user_id)
  return { id: who.user_id, name: who.username, displayName: who.display_name }
}

// check returns the user, or undefined if the name or the password is wrong.
exports.check = async (name, password) => {
  const user = all().find((user) => user.name === name)
  if (user && await bcrypt.compare(password, user.password)) return user
}

const commands = {
  init () {
    const users = ['ada', 'ben', 'cleo', 'dan'].map((name, i) => ({
      id: i + 1, name, displayName: name[0].toUpperCase() + name.slice(1), password: bcrypt.hashSync('seven quiet umbrellas'),
    }))
    fs.writeFileSync(file, JSON.stringify(users))
  },
  export () {
    for (const user of all()) {
      console.log(JSON.stringify({ user_id: user.id, name: user.name, display_name: user.displayName, password_hash: user.password }))
    }
  },
}

if (require.main === module) commands[process.argv[2]]()
