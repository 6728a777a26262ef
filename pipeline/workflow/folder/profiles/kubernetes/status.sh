# Print success, failed or running for a Kubernetes job: status.sh NAME
case $(kubectl get "$1" --output 'jsonpath={.status.succeeded}/{.status.failed}') in
    1/*) echo success ;;
    */1) echo failed ;;
    *) echo running ;;  # or Kubernetes does not answer just now
esac
