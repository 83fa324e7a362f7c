// SPDX-License-Identifier: Apache-2.0

extension SampleEvents {
    static let alexa: [SampleEvent] =
        [
            skill("start-session", "A person opens the skill", isNew: true, #""type": "LaunchRequest""#),
            skill(
                "end-session",
                "The session ends",
                isNew: false,
                #""type": "SessionEndedRequest", "reason": "USER_INITIATED""#
            ),
            skill(
                "intent-answer",
                "A person answers a question",
                isNew: false,
                attributes: #"{"score": 0, "currentQuestionIndex": 0, "correctAnswerText": "swift"}"#,
                intent("AnswerIntent", slot: "Answer", "swift")
            ),
            skill("intent-getnewfact", "A person asks for a fact", isNew: false, intent("GetNewFactIntent")),
            skill(
                "intent-mycoloris",
                "A person names a colour",
                isNew: false,
                intent("MyColorIsIntent", slot: "Color", "blue")
            ),
            skill(
                "intent-recipe",
                "A person asks for a recipe",
                isNew: false,
                intent("RecipeIntent", slot: "Item", "snow golem")
            ),
        ] + [
            home("smart-home-control-turn-off-request", "A device is turned off", "Control", "TurnOffRequest"),
            home("smart-home-control-turn-on-request", "A device is turned on", "Control", "TurnOnRequest"),
            home("smart-home-discovery-request", "Devices are looked for", "Discovery", "DiscoverAppliancesRequest"),
        ]

    private static func intent(_ name: String, slot: String? = nil, _ value: String = "") -> String {
        let slots = slot.map { #""\#($0)": {"name": "\#($0)", "value": "\#(value)"}"# } ?? ""
        return #""type": "IntentRequest", "intent": {"name": "\#(name)", "slots": {\#(slots)}}"#
    }

    private static func skill(
        _ name: String,
        _ summary: String,
        isNew: Bool,
        attributes: String = "{}",
        _ request: String
    ) -> SampleEvent {
        SampleEvent(
            "alexa-skills-kit",
            name,
            summary,
            [
                .init("session-id", "amzn1.echo-api.session.1"), .init("user-id", "amzn1.ask.account.1"),
                .init("application-id", "amzn1.ask.skill.1"), .init("request-id", "amzn1.echo-api.request.1"),
            ],
            #"""
            {
              "version": "1.0",
              "session": {
                "new": \#(isNew),
                "sessionId": "{{session-id}}",
                "application": {"applicationId": "{{application-id}}"},
                "attributes": \#(attributes),
                "user": {"userId": "{{user-id}}"}
              },
              "context": {
                "AudioPlayer": {"playerActivity": "IDLE"},
                "System": {
                  "application": {"applicationId": "{{application-id}}"},
                  "user": {"userId": "{{user-id}}"},
                  "device": {"supportedInterfaces": {"AudioPlayer": {}}}
                }
              },
              "request": {
                "requestId": "{{request-id}}",
                "timestamp": "2026-01-31T12:00:00Z",
                "locale": "en-US",
                \#(request)
              }
            }
            """#
        )
    }

    private static func home(_ name: String, _ summary: String, _ space: String, _ request: String) -> SampleEvent {
        let appliance =
            space == "Control" ? #", "appliance": {"additionalApplianceDetails": {}, "applianceId": "lamp-1"}"# : ""
        return SampleEvent(
            "alexa-smart-home",
            name,
            summary,
            #"""
            {
              "header": {
                "messageId": "0f6c4a3e-5b1d-4d5a-9c55-3a1c7d9c0b11",
                "name": "\#(request)",
                "namespace": "Alexa.ConnectedHome.\#(space)",
                "payloadVersion": "2"
              },
              "payload": {"accessToken": "an-access-token"\#(appliance)}
            }
            """#
        )
    }
}
