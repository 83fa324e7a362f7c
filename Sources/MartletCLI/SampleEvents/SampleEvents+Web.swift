// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    private typealias Option = SampleEvent.Option

    static let web = [loadBalancer, tokenAuthorizer, requestAuthorizer, restAPI, httpAPI]

    private static let body = Option("body", #"{"hello": "world"}"#)
    private static let path = Option("path", "path/to/resource")
    private static let agent = "curl/8.5.0"

    private static let loadBalancer = SampleEvent(
        "alb",
        "request",
        "An Application Load Balancer passes a request on",
        [body, .init("method", "POST"), path, .account, .init("dns-suffix", "us-east-2.elb.amazonaws.com")],
        #"""
        {
          "requestContext": {
            "elb": {
              "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-2:{{account-id}}:targetgroup/functions/6d0ecf831eec9f09"
            }
          },
          "httpMethod": "{{method}}",
          "path": "/{{path|relative}}",
          "queryStringParameters": {"query": "1234ABCD"},
          "headers": {
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "accept-language": "en",
            "connection": "keep-alive",
            "host": "functions-1234567890.{{dns-suffix}}",
            "upgrade-insecure-requests": "1",
            "user-agent": "\#(agent)",
            "x-amzn-trace-id": "Root=1-697df900-0123456789abcdef01234567",
            "x-forwarded-for": "198.51.100.7",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
            "x-imforwards": "20"
          },
          "body": "{{body|base64}}",
          "isBase64Encoded": true
        }
        """#
    )

    private static func authorizerOptions(_ stage: String, _ method: String, _ resource: String) -> [Option] {
        [
            .account, .partition, .region, .init("stage", stage), .init("method", method), .init("resource", resource),
            .init("restApiId", "a1b2c3d4e5"),
        ]
    }

    private static let methodARN =
        "arn:{{partition}}:execute-api:{{region}}:{{account-id}}:{{restApiId}}/{{stage}}/{{method}}/{{resource|relative}}"

    private static let tokenAuthorizer = SampleEvent(
        "apigateway",
        "authorizer",
        "API Gateway asks whether a token may pass",
        authorizerOptions("prod", "POST", "{proxy+}"),
        #"{"type": "TOKEN", "authorizationToken": "Bearer a-token", "methodArn": "\#(methodARN)"}"#
    )

    private static let clientCertificate = #"""
        {
          "clientCertPem": "CERT_CONTENT",
          "subjectDN": "CN=client.example.com",
          "issuerDN": "CN=Example CA",
          "serialNumber": "a1:a1:a1:a1:a1:a1:a1:a1",
          "validity": {"notBefore": "Jan 31 12:00:00 2026 GMT", "notAfter": "Jan 31 12:00:00 2027 GMT"}
        }
        """#

    private static let requestAuthorizer = SampleEvent(
        "apigateway",
        "request-authorizer",
        "API Gateway asks whether a request may pass",
        authorizerOptions("test", "GET", "request"),
        #"""
        {
          "type": "REQUEST",
          "methodArn": "\#(methodARN)",
          "resource": "/{{resource|relative}}",
          "path": "/{{resource|relative}}",
          "httpMethod": "{{method}}",
          "headers": {
            "X-AMZ-Date": "20260131T120000Z",
            "Accept": "*/*",
            "HeaderAuth1": "headerValue1",
            "CloudFront-Viewer-Country": "CH",
            "CloudFront-Forwarded-Proto": "https",
            "CloudFront-Is-Tablet-Viewer": "false",
            "CloudFront-Is-Mobile-Viewer": "false",
            "User-Agent": "\#(agent)"
          },
          "queryStringParameters": {"QueryString1": "queryValue1"},
          "pathParameters": {},
          "stageVariables": {"StageVar1": "stageValue1"},
          "requestContext": {
            "path": "/{{resource|relative}}",
            "accountId": "{{account-id}}",
            "resourceId": "x1y2z3",
            "stage": "{{stage}}",
            "requestId": "1d6b7a7e-7a8e-4d5f-9b61-0a6f3a3d5b10",
            "identity": {"apiKey": "an-api-key", "sourceIp": "198.51.100.7", "clientCert": \#(clientCertificate)},
            "resourcePath": "/{{resource|relative}}",
            "httpMethod": "{{method}}",
            "apiId": "{{restApiId}}"
          }
        }
        """#
    )

    private static let proxyHeaders = [
        ("Accept", "application/json"), ("Accept-Encoding", "gzip, deflate, br"), ("Accept-Language", "en-US,en;q=0.8"),
        ("Cache-Control", "max-age=0"), ("CloudFront-Forwarded-Proto", "https"),
        ("CloudFront-Is-Desktop-Viewer", "true"), ("CloudFront-Is-Mobile-Viewer", "false"),
        ("CloudFront-Is-SmartTV-Viewer", "false"), ("CloudFront-Is-Tablet-Viewer", "false"),
        ("CloudFront-Viewer-Country", "CH"), ("Host", "a1b2c3d4e5.execute-api.{{dns-suffix}}"),
        ("Upgrade-Insecure-Requests", "1"), ("User-Agent", agent),
        ("Via", "1.1 d111111abcdef8.cloudfront.net (CloudFront)"), ("X-Amz-Cf-Id", "an-edge-request-id=="),
        ("X-Forwarded-For", "198.51.100.7, 203.0.113.2"), ("X-Forwarded-Port", "443"), ("X-Forwarded-Proto", "https"),
    ]

    private static let restAPI = SampleEvent(
        "apigateway",
        "aws-proxy",
        "A REST API passes a request on",
        [
            body, .init("stage", "prod"), .init("method", "POST"), .init("resource", "/{proxy+}"), path,
            .init("querystringparameters", #"{"foo": "bar"}"#), .account,
            .init("dns-suffix", "us-east-1.amazonaws.com"),
        ],
        #"""
        {
          "body": "{{body|base64}}",
          "resource": "{{resource}}",
          "path": "/{{path|relative}}",
          "httpMethod": "{{method}}",
          "isBase64Encoded": true,
          "queryStringParameters": "{{querystringparameters|json}}",
          "multiValueQueryStringParameters": "{{querystringparameters|lists}}",
          "pathParameters": {"proxy": "/{{path|relative}}"},
          "stageVariables": {"baz": "qux"},
          "headers": {\#(proxyHeaders.map { #""\#($0)": "\#($1)""# }.joined(separator: ", "))},
          "multiValueHeaders": {\#(proxyHeaders.map { #""\#($0)": ["\#($1)"]"# }.joined(separator: ", "))},
          "requestContext": {
            "accountId": "{{account-id}}",
            "resourceId": "x1y2z3",
            "stage": "{{stage}}",
            "requestId": "1d6b7a7e-7a8e-4d5f-9b61-0a6f3a3d5b10",
            "requestTime": "31/Jan/2026:12:00:00 +0000",
            "requestTimeEpoch": 1769860800000,
            "identity": {
              "cognitoIdentityPoolId": null,
              "accountId": null,
              "cognitoIdentityId": null,
              "caller": null,
              "accessKey": null,
              "sourceIp": "198.51.100.7",
              "cognitoAuthenticationType": null,
              "cognitoAuthenticationProvider": null,
              "userArn": null,
              "userAgent": "\#(agent)",
              "user": null
            },
            "path": "/{{stage}}/{{path|relative}}",
            "resourcePath": "{{resource}}",
            "httpMethod": "{{method}}",
            "apiId": "a1b2c3d4e5",
            "protocol": "HTTP/1.1"
          }
        }
        """#
    )

    private static let httpAPI = SampleEvent(
        "apigateway",
        "http-api-proxy",
        "An HTTP API, or a function URL, passes a request on (payload 2.0)",
        [
            body, .init("stage", "$default"), .init("method", "POST"), path, .account,
            .init("dns-suffix", "us-east-1.amazonaws.com"),
        ],
        #"""
        {
          "version": "2.0",
          "routeKey": "$default",
          "rawPath": "/{{path|relative}}",
          "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
          "cookies": ["cookie1=a", "cookie2=b"],
          "headers": {"header1": "value1", "header2": "value1,value2", "content-type": "application/json"},
          "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
          "requestContext": {
            "accountId": "{{account-id}}",
            "apiId": "a1b2c3d4e5",
            "authentication": {"clientCert": \#(clientCertificate)},
            "authorizer": {
              "jwt": {"claims": {"claim1": "value1", "claim2": "value2"}, "scopes": ["scope1", "scope2"]}
            },
            "domainName": "a1b2c3d4e5.execute-api.{{dns-suffix}}",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
              "method": "{{method}}",
              "path": "/{{path|relative}}",
              "protocol": "HTTP/1.1",
              "sourceIp": "198.51.100.7",
              "userAgent": "\#(agent)"
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "{{stage}}",
            "time": "31/Jan/2026:12:00:00 +0000",
            "timeEpoch": 1769860800000
          },
          "body": "{{body|base64}}",
          "pathParameters": {"parameter1": "value1"},
          "isBase64Encoded": true,
          "stageVariables": {"stageVariable1": "value1", "stageVariable2": "value2"}
        }
        """#
    )
}
