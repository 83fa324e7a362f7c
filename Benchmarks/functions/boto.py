# SPDX-License-Identifier: Apache-2.0
import boto3

client = boto3.client("sts")


def handler(event, context):
    return event
