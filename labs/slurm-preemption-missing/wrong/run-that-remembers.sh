# A program that always says that it goes on.
sed -i "s/^began=.*/began='from step 12'/" /usr/local/bin/research-run
