package release

// Version is this version of the shop, without the "v" of its tag. A test holds what else names it to this value:
// openapi.yaml, the API's Dockerfile, docker-compose.yml and CHANGELOG.md.
const Version = "0.1.0"

// Previous is the commit of the release before this one. An upgrade starts from it, and a rollback ends at it.
const Previous = "4e3918d9c3f4f84ac4a46da8b725147c326c84df"
