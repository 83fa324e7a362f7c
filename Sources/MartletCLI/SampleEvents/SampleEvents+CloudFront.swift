// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let cloudFront = [
        request("ab-test", "A viewer's request, with the cookie of an experiment", ["User-Agent", "Host", "Cookie"]),
        SampleEvent(
            "cloudfront",
            "access-request-in-response",
            "An answer, with the request that it belongs to",
            target("/test"),
            record(
                "viewer-response",
                requestText(["Host", "User-Name"], query: nil) + ", " + response(["X-Cache"])
            )
        ),
        request("http-redirect", "A request that is to be redirected", ["User-Agent", "Host"]),
        request(
            "modify-querystring",
            "A request whose query is to be changed",
            ["Host", "User-Agent", "User-Name"],
            query: "auth=test&foo=bar"
        ),
        SampleEvent(
            "cloudfront",
            "modify-response-header",
            "An answer whose headers are to be changed",
            record("origin-response", response(["Vary", "Last-Modified", "X-Amz-Meta-Last-Modified"]))
        ),
        request(
            "multiple-remote-calls-aggregate-response",
            "A request that is answered from several places",
            ["Host", "User-Agent"],
            uri: "/weather/Bern:Oslo:Rome"
        ),
        request(
            "normalize-querystring-to-improve-cache-hit",
            "A request whose query is to be put in order",
            ["Host", "User-Agent", "User-Name"],
            query: "size=LARGE&color=RED"
        ),
        request(
            "redirect-on-viewer-country",
            "A request, with the viewer's country",
            ["Host", "CloudFront-Viewer-Country"]
        ),
        request(
            "redirect-unauthenticated-users",
            "A request of somebody who has not signed in",
            ["Host"],
            query: "auth=test&foo=bar"
        ),
        request("response-generation", "A request that the function answers itself", ["Host"]),
        request(
            "serve-object-on-viewer-device",
            "A request, with the viewer's device",
            [
                "Host", "CloudFront-Is-Desktop-Viewer", "CloudFront-Is-Mobile-Viewer", "CloudFront-Is-SmartTV-Viewer",
                "CloudFront-Is-Tablet-Viewer",
            ]
        ),
        request("simple-remote-call", "A request that needs a call elsewhere", ["Host", "User-Agent", "User-Name"]),
    ]

    private static func target(_ uri: String) -> [SampleEvent.Option] { [.init("uri", uri), .init("method", "GET")] }

    private static func request(
        _ name: String,
        _ summary: String,
        _ headers: [String],
        query: String? = nil,
        uri: String = "/test"
    ) -> SampleEvent {
        SampleEvent(
            "cloudfront",
            name,
            summary,
            target(uri),
            record("viewer-request", requestText(headers, query: query))
        )
    }

    private static func record(_ type: String, _ rest: String) -> String {
        #"""
        {"Records": [{"cf": {
          "config": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": "\#(type)",
            "requestId": "an-edge-request-id=="
          },
          \#(rest)
        }}]}
        """#
    }

    private static func requestText(_ headers: [String], query: String?) -> String {
        #"""
        "request": {
          "clientIp": "2001:db8::7",
          "method": "{{method}}",
          "uri": "{{uri}}",
          "querystring": "\#(query ?? "")",
          "headers": \#(headerText(headers))
        }
        """#
    }

    private static func response(_ headers: [String]) -> String {
        #""response": {"status": "200", "statusDescription": "OK", "headers": \#(headerText(headers))}"#
    }

    private static let values = [
        "User-Agent": "curl/8.5.0", "Host": "d123.cf.net", "Cookie": "X-Experiment-Name=B", "User-Name": "ada",
        "X-Cache": "Hello from Cloudfront", "Vary": "*", "Last-Modified": "2026-01-30",
        "X-Amz-Meta-Last-Modified": "2026-01-31", "CloudFront-Viewer-Country": "CH",
        "CloudFront-Is-Desktop-Viewer": "true", "CloudFront-Is-Mobile-Viewer": "false",
        "CloudFront-Is-SmartTV-Viewer": "false", "CloudFront-Is-Tablet-Viewer": "false",
    ]

    private static func headerText(_ names: [String]) -> String {
        let headers = names.map { #""\#($0.lowercased())": [{"key": "\#($0)", "value": "\#(values[$0] ?? "")"}]"# }
        return "{\(headers.joined(separator: ", "))}"
    }
}
