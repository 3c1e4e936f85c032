import csv

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = 'Writes the users as CSV, with the hashes of their passwords, for "coatcheck users import".'

    def handle(self, *args, **options):
        table = csv.writer(self.stdout)
        table.writerow(["user_id", "name", "display_name", "password_hash"])
        for user in User.objects.order_by("pk"):
            table.writerow([user.pk, user.get_username(), user.get_full_name(), user.password])
