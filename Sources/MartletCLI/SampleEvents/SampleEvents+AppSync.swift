// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let appSync = [
        SampleEvent(
            "appsync",
            "resolver",
            "AppSync asks for the value of a field",
            #"""
            {
              "arguments": {"id": "my identifier"},
              "identity": {
                "claims": {
                  "sub": "192879fc-a240-4bf1-ab5a-d6a00f3063f9",
                  "email_verified": true,
                  "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example",
                  "phone_number_verified": false,
                  "cognito:username": "ada",
                  "aud": "a-client-id",
                  "event_id": "6f6b3c52-9d9a-4c0e-8a0e-2a5c1f9b7a10",
                  "token_use": "id",
                  "auth_time": 1769860800,
                  "phone_number": "+15555550100",
                  "exp": 1769864400,
                  "iat": 1769860800,
                  "email": "ada@example.com"
                },
                "defaultAuthStrategy": "ALLOW",
                "groups": null,
                "issuer": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_example",
                "sourceIp": ["198.51.100.7"],
                "sub": "192879fc-a240-4bf1-ab5a-d6a00f3063f9",
                "username": "ada"
              },
              "source": null,
              "request": {
                "headers": {
                  "x-forwarded-for": "198.51.100.7, 203.0.113.2",
                  "cloudfront-viewer-country": "CH",
                  "cloudfront-is-desktop-viewer": "true",
                  "cloudfront-is-mobile-viewer": "false",
                  "cloudfront-is-smarttv-viewer": "false",
                  "cloudfront-is-tablet-viewer": "false",
                  "cloudfront-forwarded-proto": "https",
                  "via": "2.0 d111111abcdef8.cloudfront.net (CloudFront)",
                  "origin": "https://us-west-2.console.aws.amazon.com",
                  "referer": "https://us-west-2.console.aws.amazon.com/appsync/home",
                  "host": "api.appsync-api.us-west-2.amazonaws.com",
                  "accept": "application/json",
                  "accept-encoding": "gzip, deflate, br",
                  "accept-language": "en-US,en;q=0.9",
                  "content-type": "application/json",
                  "content-length": "217",
                  "user-agent": "curl/8.5.0",
                  "authorization": "a-token",
                  "sec-fetch-dest": "empty",
                  "sec-fetch-mode": "cors",
                  "sec-fetch-site": "cross-site",
                  "x-amz-cf-id": "an-edge-request-id==",
                  "x-amz-user-agent": "AWS-Console-AppSync/",
                  "x-amzn-trace-id": "Root=1-697df900-0123456789abcdef01234567",
                  "x-forwarded-port": "443",
                  "x-forwarded-proto": "https"
                }
              },
              "prev": null,
              "info": {
                "selectionSetList": ["id", "field1", "field2"],
                "selectionSetGraphQL": "{\n  id\n  field1\n  field2\n}",
                "parentTypeName": "Query",
                "fieldName": "getThing",
                "variables": {}
              },
              "stash": {}
            }
            """#
        )
    ]
}
