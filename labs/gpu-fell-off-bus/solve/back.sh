#: step give it back
# A controller or a node that has just come up knows nothing of the other yet, and refuses.
for _ in {1..400}; do
    case $(sinfo --noheader --Node --nodes=gpu2 --format=%T) in
    idle | mixed) break ;;
    drained) ! scontrol update nodename=gpu2 state=resume || break ;;
    esac
    sleep 0.2
done
