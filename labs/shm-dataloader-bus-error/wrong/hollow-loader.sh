# Segments of one page instead of a batch.
sed -i 's/size = self.settings.batch_bytes$/size = 4096/; s/\[: size - start\]/[:64]/; s/segment\[start:size\] = body/segment[start : start + 64] = body/' /opt/trainer/lib/loader.py
sed -i 's/view\[start:\] as body/view[start : start + 64] as body/' /opt/trainer/lib/loader.py
systemctl restart trainer
