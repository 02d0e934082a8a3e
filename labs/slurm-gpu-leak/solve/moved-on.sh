#: step sessions stay where they are
DEBIAN_FRONTEND=noninteractive pam-auth-update --disable systemd
