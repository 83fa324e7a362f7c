// SPDX-License-Identifier: Apache-2.0

/// The services, events and options of `sam local generate-event` (SAM CLI 1.170): an event a line.
let eventsOfSAM = """
    alb request: account-id body dns-suffix method path
    alexa-skills-kit end-session: application-id request-id session-id user-id
    alexa-skills-kit intent-answer: application-id request-id session-id user-id
    alexa-skills-kit intent-getnewfact: application-id request-id session-id user-id
    alexa-skills-kit intent-mycoloris: application-id request-id session-id user-id
    alexa-skills-kit intent-recipe: application-id request-id session-id user-id
    alexa-skills-kit start-session: application-id request-id session-id user-id
    alexa-smart-home smart-home-control-turn-off-request
    alexa-smart-home smart-home-control-turn-on-request
    alexa-smart-home smart-home-discovery-request
    apigateway authorizer: account-id method partition region resource restApiId stage
    apigateway aws-proxy: account-id body dns-suffix method path querystringparameters resource stage
    apigateway http-api-proxy: account-id body dns-suffix method path stage
    apigateway request-authorizer: account-id method partition region resource restApiId stage
    appsync resolver
    batch get-job
    batch submit-job
    cloudformation create-request: account-id partition region stack
    cloudfront ab-test: method uri
    cloudfront access-request-in-response: method uri
    cloudfront http-redirect: method uri
    cloudfront modify-querystring: method uri
    cloudfront modify-response-header
    cloudfront multiple-remote-calls-aggregate-response: method uri
    cloudfront normalize-querystring-to-improve-cache-hit: method uri
    cloudfront redirect-on-viewer-country: method uri
    cloudfront redirect-unauthenticated-users: method uri
    cloudfront response-generation: method uri
    cloudfront serve-object-on-viewer-device: method uri
    cloudfront simple-remote-call: method uri
    cloudwatch logs
    cloudwatch scheduled-event: account-id partition region rule
    codecommit repository: account-id custom-data partition region repository trigger
    codepipeline job: account-id input-bucket input-key output-bucket output-key
    cognito sync-trigger: region
    config item-change-notification: account-id partition region
    config oversized-item-change-notification: account-id partition region
    config periodic-rule: account-id partition region
    connect contact-flow-event: account-id contact-id partition phone-number region
    dynamodb update: account-id partition region table
    kinesis analytics: account-id application data partition region stream
    kinesis analytics-compressed: account-id application data partition region stream
    kinesis analytics-dynamodb: account-id application data partition region stream
    kinesis analytics-kpl: account-id application partition region stream
    kinesis apachelog: data region
    kinesis cloudwatch-logs-processor: account-id partition region
    kinesis get-records: data partition partition-key region sequence
    kinesis kinesis-firehose: data partition region
    kinesis streams-as-source: data partition partition-key region sequence
    kinesis syslog: data region
    lex book-car
    lex book-hotel
    lex make-appointment
    lex order-flowers
    lex-v2 banking-bot
    lex-v2 book-car
    lex-v2 book-hotel
    rekognition s3-request: bucket key partition region
    s3 batch-invocation: bucket-arn key
    s3 delete: bucket key partition region
    s3 put: bucket key partition region
    sagemaker ground-truth-annotation-consolidation: account-id execution-role iteration-object-timestamp label-attribute-name labeling-job-name partition region s3-output-path
    sagemaker ground-truth-pre-human: account-id labeling-job-name partition region source-ref
    ses email-receiving: account-id dns-suffix partition region
    sns notification: account-id message partition region subject topic
    sqs receive-message: account-id body partition queue-name region
    stepfunctions error: cause error
    workmail email: flow-direction mail-from sender
    """
