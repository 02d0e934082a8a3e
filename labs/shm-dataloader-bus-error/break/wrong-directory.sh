cat > /etc/default/trainer <<'ENVIRONMENT'
# Environment of the trainer and of trainer-epoch.
# Where loaders keep their batches. New image: use the fast scratch tmpfs.
TRAINER_SHM_DIR=/scratch
ENVIRONMENT
touch -d '-1 day' /etc/default/trainer
