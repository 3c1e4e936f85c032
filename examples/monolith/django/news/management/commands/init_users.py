from django.contrib.auth.models import User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Makes two readers."

    def handle(self, *args, **options):
        for name, password in [("ada", "seven quiet umbrellas"), ("ben", "nine loud bicycles")]:
            User.objects.create_user(name, password=password, first_name=name.title())
