# Submit a script of Snakemake's as a Kubernetes job, and print its name: submit.sh CORES MEMORY_MB SCRIPT
set -eu
sed -e '/^#/d' -e "s|CORES|\"$1\"|" -e "s|MEMORY|$2M|g" -e "s|SCRIPT|$3|" "$(dirname "$0")/job.yaml" |
    kubectl create --filename - --output name
