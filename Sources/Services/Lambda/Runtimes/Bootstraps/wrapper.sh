# SPDX-License-Identifier: Apache-2.0
# Starts a managed runtime by way of the executable that AWS_LAMBDA_EXEC_WRAPPER names; the runtime's command is in $@.
# What cannot be started ends in the words and with the status of AWS's runtimes.
if [ ! -f "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    echo "$AWS_LAMBDA_EXEC_WRAPPER: does not exist"
    exit 127
fi
if [ ! -x "$AWS_LAMBDA_EXEC_WRAPPER" ]; then
    echo "$AWS_LAMBDA_EXEC_WRAPPER: is not an executable"
    exit 126
fi
exec "$AWS_LAMBDA_EXEC_WRAPPER" "$@"
