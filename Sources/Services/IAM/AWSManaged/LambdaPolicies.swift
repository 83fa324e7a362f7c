// SPDX-License-Identifier: Apache-2.0

extension AWSManagedPolicies {
    private static let writeLogs = Rule.allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")

    /// What functions run with.
    static let executionRoles: [Described] = [
        Described("AWSLambdaBasicExecutionRole", path: "/service-role/", writeLogs),
        Described(
            "AWSLambdaVPCAccessExecutionRole",
            path: "/service-role/",
            .allow(
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses"
            )
        ),
        Described(
            "AWSLambdaENIManagementAccess",
            path: "/service-role/",
            .allow(
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses"
            )
        ),
        Described(
            "AWSLambdaSQSQueueExecutionRole",
            path: "/service-role/",
            .allow(
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            )
        ),
        Described(
            "AWSLambdaDynamoDBExecutionRole",
            path: "/service-role/",
            .allow(
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            )
        ),
        Described(
            "AWSLambdaKinesisExecutionRole",
            path: "/service-role/",
            .allow(
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
                "kinesis:ListStreams",
                "kinesis:SubscribeToShard",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            )
        ),
        Described(
            "AWSLambdaMSKExecutionRole",
            path: "/service-role/",
            .allow(
                "kafka:DescribeCluster",
                "kafka:DescribeClusterV2",
                "kafka:GetBootstrapBrokers",
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeVpcs",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            )
        ),
        Described("AWSLambdaRole", path: "/service-role/", .allow("lambda:InvokeFunction")),
        Described(
            "AWSLambdaExecute",
            .allow("logs:*", on: ["arn:aws:logs:*:*:*"]),
            .allow("s3:GetObject", "s3:PutObject", on: ["arn:aws:s3:::*"])
        ),
        Described(
            "AWSLambdaInvocation-DynamoDB",
            .allow("lambda:InvokeFunction"),
            .allow(
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams"
            )
        ),
        Described(
            "CloudWatchLambdaInsightsExecutionRolePolicy",
            .allow("logs:CreateLogGroup"),
            .allow(
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                on: ["arn:aws:logs:*:*:log-group:/aws/lambda-insights:*"]
            )
        ),
        Described(
            "AWSXRayDaemonWriteAccess",
            .allow(
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:GetSamplingStatisticSummaries"
            )
        ),
        Described(
            "AWSXrayWriteOnlyAccess",
            .allow(
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:GetSamplingStatisticSummaries"
            )
        ),
        Described(
            "AmazonAPIGatewayPushToCloudWatchLogs",
            path: "/service-role/",
            .allow(
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogGroups",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
                "logs:GetLogEvents",
                "logs:FilterLogEvents"
            )
        ),
        Described(
            "AmazonECSTaskExecutionRolePolicy",
            path: "/service-role/",
            .allow(
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:BatchGetImage",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            )
        ),
    ]

    /// What people manage functions with.
    static let lambdaAccess: [Described] = [
        Described(
            "AWSLambda_FullAccess",
            .allow(
                "cloudformation:DescribeStacks",
                "cloudformation:ListStackResources",
                "cloudwatch:ListMetrics",
                "cloudwatch:GetMetricData",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "kms:ListAliases",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:ListRoles",
                "lambda:*",
                "logs:DescribeLogGroups",
                "states:DescribeStateMachine",
                "states:ListStateMachines",
                "tag:GetResources",
                "xray:GetTraceSummaries",
                "xray:BatchGetTraces"
            ),
            .allow("iam:PassRole", when: #"{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}"#),
            .allow(
                "logs:DescribeLogStreams",
                "logs:GetLogEvents",
                "logs:FilterLogEvents",
                "logs:StartLiveTail",
                "logs:StopLiveTail",
                on: ["arn:aws:logs:*:*:log-group:/aws/lambda/*"]
            )
        ),
        Described(
            "AWSLambda_ReadOnlyAccess",
            .allow(
                "cloudformation:DescribeStacks",
                "cloudformation:ListStackResources",
                "cloudwatch:GetMetricData",
                "cloudwatch:ListMetrics",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "kms:ListAliases",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:ListRoles",
                "logs:DescribeLogGroups",
                "lambda:Get*",
                "lambda:List*",
                "states:DescribeStateMachine",
                "states:ListStateMachines",
                "tag:GetResources",
                "xray:GetTraceSummaries",
                "xray:BatchGetTraces"
            ),
            .allow(
                "logs:DescribeLogStreams",
                "logs:GetLogEvents",
                "logs:FilterLogEvents",
                "logs:StartLiveTail",
                "logs:StopLiveTail",
                on: ["arn:aws:logs:*:*:log-group:/aws/lambda/*"]
            )
        ),
    ]
}
