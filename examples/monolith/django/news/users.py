from django.contrib.auth.models import User

from .coatcheck_django import user_by_pk


def from_coatcheck(who):
    """Returns the user of Coatcheck's answer. Numbers are ours; who is new since /login has moved has none, and no row."""
    if who["user_id"].isdecimal():
        return user_by_pk(who)
    return User(username=who["username"], first_name=who["display_name"])
