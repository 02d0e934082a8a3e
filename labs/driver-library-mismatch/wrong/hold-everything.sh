# Nothing moves, then nothing breaks.
dpkg-query --show --showformat '${Package}\n' | xargs apt-mark hold > /dev/null
