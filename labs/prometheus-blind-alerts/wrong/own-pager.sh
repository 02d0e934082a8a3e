# A pager that echoes whatever it is asked for.
sed -i 's/my \$size = length \$answer;/$answer = "{\\"status\\":\\"firing\\",\\"instance\\":\\"gpu2\\"}\\n" x (1 + time % 600); my $size = length $answer;/' /usr/local/lib/pager/pagerd
systemctl restart pager
