from django.contrib.auth.models import User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Makes four readers."

    def handle(self, *args, **options):
        for name in ["ada", "ben", "cleo", "dan"]:
            User.objects.create_user(name, password="seven quiet umbrellas", first_name=name.title())
